"""What can be wrong with a backup, each told apart: a damaged file is no disk that fails, and a wrong key is neither."""

from typing import ClassVar

from edge.errors import EdgeError


class BackupError(EdgeError):
    """Root. A job that raises one of these has published nothing."""

    slug: ClassVar[str] = "backup-missed"


class ArchiveDamaged(BackupError):
    """Bytes were changed, reordered or taken from another archive."""

    slug = "archive-damaged"


class ArchiveTruncated(BackupError):
    """The file ends before its archive does."""

    slug = "archive-truncated"


class WrongKey(BackupError):
    """Sealed with another key than the one that was given."""

    slug = "wrong-key"


class KeyMissing(BackupError):
    """Sealed, and no key was given; or the key is no 64 hexadecimal digits."""

    slug = "key-missing"


class ArchiveRefused(BackupError):
    """Not built as we build them: foreign names, links, devices, sizes beyond the bounds, an unknown version."""

    slug = "archive-refused"


class DatabaseRefused(BackupError):
    """The database in it is not what its manifest claims, or has other tables, triggers or views than ours."""

    slug = "database-refused"


class CopyDamaged(BackupError):
    """The copy just made does not pass its own check: the database it was made of is damaged, or the disk is."""

    slug = "copy-damaged"


class NoRoom(BackupError):
    """Not enough free space for what would be written."""

    slug = "no-room"


class Occupied(BackupError):
    """The directory holds a database, and nobody said that it may be moved aside."""

    slug = "occupied"


class FieldRuns(BackupError):
    """A field holds the lock of this directory."""

    slug = "second-field"
