"""The workspace: one folder with goldloop.toml, the tables, the images people were shown and the services."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from goldloop.core.disk import disk_errors, make_folder, write_whole
from goldloop.core.errors import SettingsError, WorkspaceError
from goldloop.core.questions import NO_QUESTIONS, Questions
from goldloop.settings import Settings
from goldloop.settings.identity import Identity, ensure_identity, new_identity, save_identity
from goldloop.settings.label_record import save_labels
from goldloop.settings.toml import FILE_NAME, checked_settings, load_settings, settings_toml
from goldloop.settings.workspace_format import bring_up_to_date

UNNAMED = frozenset("[]^|\\")
"""Characters of a path on which deltalake ends the process or looks elsewhere."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """An opened workspace; every path goldloop writes below it has its name here."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, root: Path | None = None) -> Workspace:
        """Return the workspace at `root`, else at $GOLDLOOP_WORKSPACE, else around the current folder.

        One that an older goldloop has written is brought to the present format first.

        Raises:
            WorkspaceError: none of them holds a goldloop.toml, its path cannot be named, or a newer goldloop
                has written it.
            SettingsError: its goldloop.toml is wrong.
        """
        given = root or os.environ.get("GOLDLOOP_WORKSPACE")
        candidates = [Path(given).resolve()] if given else [Path.cwd(), *Path.cwd().parents]
        _refuse_other_names(candidates[0])
        for folder in candidates:
            if (folder / FILE_NAME).is_file():
                bring_up_to_date(folder)
                return cls(folder, load_settings(folder / FILE_NAME))
        raise WorkspaceError(
            f"no {FILE_NAME} in {candidates[0]}{'' if given else ' or above it'}; "
            "run 'goldloop init DIR --labels a,b', or name the workspace with --workspace DIR"
        )

    @classmethod
    def create(cls, root: Path, **settings: object) -> Workspace:
        """Make the folder `root` a workspace and return it.

        Raises:
            WorkspaceError: there is one already, or its path cannot be named.
            SettingsError: a setting is wrong; nothing was written.
        """
        root = root.resolve()
        _refuse_other_names(root)
        _refuse_second(root)
        slug = re.sub(r"[^a-z0-9_-]+", "-", root.name.lower()).strip("-_")[:40]
        settings.setdefault("name", slug if len(slug) > 1 else f"loop-{slug or 'a'}")
        checked = checked_settings(settings, "goldloop init")
        workspace = cls(root, checked)
        with disk_errors("create the workspace", root):
            make_folder(workspace.locks)
            with FileLock(workspace.locks / "init.lock"):
                _refuse_second(root)  # another process may have made it meanwhile
                write_whole(root / ".gitignore", "*\n!.gitignore\n!goldloop.toml\n")
                save_labels(root, checked.label_set)
                save_identity(root, new_identity(root, checked.name))
                write_whole(root / FILE_NAME, settings_toml(checked))
        return workspace

    @property
    def identity(self) -> Identity:
        """Who this workspace is, read from workspace.json, which is made if it is missing."""
        return ensure_identity(self.root, self.settings.name)

    @property
    def id(self) -> str:
        """The id by which servers know this workspace; it stays the same when name and folder change."""
        return self.identity.id

    def questions(self) -> Questions:
        """Return what annotators are asked beside the label.

        Raises:
            SettingsError: the file of the policy cannot be read.
        """
        asked = self.settings.moderation
        if self.settings.records is not None:
            return self.settings.analyst_questions
        if asked is None:
            sheets = self.settings.sheets
            return replace(NO_QUESTIONS, n_on_sheet=sheets.pictures if sheets.enabled else None)
        policy = ""
        if asked.policy:
            try:
                policy = (self.root / asked.policy).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"moderation.policy names {self.root / asked.policy}, which cannot be read ({error}); "
                    "name a Markdown file in the workspace, in UTF-8"
                ) from error
        return Questions(
            acceptable=self.settings.acceptable_label,
            severities=asked.severities,
            rules=asked.rules,
            reasons=asked.reasons,
            policy=policy,
            is_veiled=asked.veil,
        )

    @property
    def tables(self) -> Path:
        """Folder of the Delta tables."""
        return self.root / "tables"

    @property
    def images(self) -> Path:
        """Folder of the bytes people were shown, by SHA-256; the only folder Label Studio may read."""
        return self.root / "images"

    @property
    def reports(self) -> Path:
        """Folder of the rounds' pages."""
        return self.root / "reports"

    @property
    def checks(self) -> Path:
        """Folder of the behaviour checks, which the user makes and edits."""
        return self.root / "checks"

    @property
    def imports(self) -> Path:
        """Folder of the samples that came with their labels."""
        return self.root / "imports"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.root / "locks"

    @property
    def notifications(self) -> Path:
        """File that records which events were told to whom."""
        return self.root / "notifications.json"

    @property
    def services(self) -> Path:
        """Folder of the embedded servers: their data, logs and process ids."""
        return self.root / "services"

    @property
    def logs(self) -> Path:
        """Folder of the embedded servers' logs."""
        return self.services / "logs"

    @property
    def secrets_file(self) -> Path:
        """File, mode 0600, with the secrets `goldloop up` made."""
        return self.services / "secrets.json"


def _refuse_second(root: Path) -> None:
    if (root / FILE_NAME).exists():
        raise WorkspaceError(f"{root / FILE_NAME} exists already; edit it, or choose another folder")


def _refuse_other_names(folder: Path) -> None:
    """Refuse a path that the tables or the servers cannot name: what is not valid UTF-8, or in `UNNAMED`."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise WorkspaceError(
            f"the path of the workspace is not valid UTF-8: {os.fsencode(folder)!r}; rename the folder"
        ) from error
    found = sorted(set(str(folder)) & UNNAMED)
    if found:
        raise WorkspaceError(
            f"the path of the workspace holds {' '.join(found)}, which Delta Lake tables cannot have in "
            f"their address: {folder}; rename the folder"
        )
