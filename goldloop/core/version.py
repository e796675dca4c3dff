"""The version of goldloop, for rooms that must not import the package itself."""

VERSION = "0.1.0"
