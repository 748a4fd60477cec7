"""Signed checkpoints of the log: who holds one can show that everything up to it was written anew, if it was.

The chain alone does not: whoever rewrites the whole log can compute it anew. The text that is signed and how to check it
by hand stand in docs/chain.md.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.clock import stamp
from edge.store.tx import Reader, Tx

KEY = "checkpoint.key"
"File of the private key in the state directory: 64 characters of hex, readable for the field alone."
PREFIX = "hall-edge checkpoint v1\n"
_COLUMNS = "position, epoch, stream_id, sequence, chain, made_at, public_key, signature"


class Checkpoint(NamedTuple):
    """A record of the log and its chain value (32 bytes), signed."""

    position: int
    epoch: int
    stream_id: str
    sequence: int
    chain: bytes
    made_at: str
    public_key: bytes
    signature: bytes

    @property
    def text(self) -> str:
        """What is signed, in ASCII."""
        return signed_text(self.epoch, self.stream_id, self.sequence, self.position, self.chain, self.made_at)

    @property
    def holds(self) -> bool:
        """Does the signature fit the text and the key that stands beside it? Whose key it is, is not asked here."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(self.signature, self.text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def signed_text(epoch: int, stream_id: str, sequence: int, position: int, chain: bytes, made_at: str) -> str:
    """The canonical text of a checkpoint: a line that names its purpose, then one line for each member, in this order."""
    return (
        f"{PREFIX}epoch {epoch}\nstreamid {stream_id}\nsequence {sequence}\nposition {position}\n"
        f"sha256 {chain.hex()}\nmade_at {made_at}\n"
    )


def own_key(directory: Path) -> Ed25519PrivateKey:
    """The key of this field, made at the first call. Raises OSError, ValueError if the file does not hold one."""
    path = directory / KEY
    with contextlib.suppress(FileNotFoundError):
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    key = Ed25519PrivateKey.generate()
    write_durably(path, key.private_bytes_raw().hex() + "\n")
    return key


def write_durably(path: Path, text: str) -> None:
    """The whole file or the old one, whenever the power goes; readable for its owner alone. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sign_end(tx: Tx, key: Ed25519PrivateKey, *, epoch: int, stream_id: str, sequence: int, position: int,
             chain: bytes) -> Checkpoint:  # fmt: skip
    """Sign this end of the log (at least one record of its epoch) and keep the checkpoint."""
    made_at = stamp(tx.now)
    text = signed_text(epoch, stream_id, sequence, position, chain, made_at)
    public = key.public_key().public_bytes_raw()
    made = Checkpoint(position, epoch, stream_id, sequence, chain, made_at, public, key.sign(text.encode()))
    tx.execute(f"INSERT OR REPLACE INTO checkpoints ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", made)
    return made


def fault_of(conn: Reader, signed: Checkpoint, last: int) -> tuple[int, str] | None:
    """Does this checkpoint fit its signature and a log that ends at ``last``? The position of the fault and what it is.

    Its record may be gone by age; then only the signature counts.
    """
    at = signed.position
    if not signed.holds:
        return at, f"the signature of the checkpoint at position {at} does not hold"
    if at > last:
        return last + 1, f"the log ends at position {last}, before its checkpoint at {at}"
    row = conn.execute("SELECT chain FROM log WHERE position = ?", (at,)).fetchone()
    if row is not None and row[0] != signed.chain:
        return at, f"the log was written anew before its checkpoint at position {at}"
    return None


def newest(conn: Reader) -> Checkpoint | None:
    """The last one; None: none was ever made here."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM checkpoints ORDER BY position DESC LIMIT 1").fetchone()
    return None if row is None else Checkpoint(*row)


def all_of_them(conn: Reader) -> list[Checkpoint]:
    """Oldest first."""
    return [
        Checkpoint(*row) for row in conn.execute(f"SELECT {_COLUMNS} FROM checkpoints ORDER BY position").fetchall()
    ]
