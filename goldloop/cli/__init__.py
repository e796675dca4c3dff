"""The commands, by what they are about; `goldloop.cli` puts them together."""
