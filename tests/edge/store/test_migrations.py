"""The migration makes the tables once, and a second run changes nothing."""

from sqlite_utils import Database

from edge.store.migrations import MIGRATIONS, create


def shape(db: Database) -> list[tuple[str, str]]:
    return sorted(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())


def test_tables_are_strict_and_made_once(tmp_path):
    db = Database(tmp_path / "hall.db")
    for migration in MIGRATIONS:
        migration.apply(db)
    first = shape(db)
    for migration in MIGRATIONS:
        migration.apply(db)
    assert shape(db) == first
    for name, sql in first:
        if sql.startswith("CREATE TABLE") and not name.startswith("_"):
            assert "STRICT" in sql
    db.conn.close()


def test_the_bare_tables_of_the_tests_are_the_migrations(tmp_path):
    db, bare = Database(tmp_path / "a.db"), Database(tmp_path / "b.db")
    for migration in MIGRATIONS:
        migration.apply(db)
    create(bare.conn)
    assert [row for row in shape(db) if "_sqlite_migrations" not in row[1]] == shape(bare)
    db.conn.close()
    bare.conn.close()


def test_a_hall_of_the_version_before_keeps_its_machines_and_their_meters(tmp_path):
    db = Database(tmp_path / "hall.db")
    (hall,) = MIGRATIONS
    hall.apply(db, stop_before="m002_machines")
    db.execute("INSERT INTO egms (asset, line, address, serial, registered_at) VALUES (17, 'A', 1, 'SN-1', 'x')")
    db.conn.commit()
    assert hall.pending(db)[0].name == "m002_machines"
    hall.apply(db)
    assert list(db.execute("SELECT asset, serial, enrolled_serial, base_percentage FROM egms")) == [
        (17, "SN-1", None, None)
    ]
    db.execute("INSERT INTO questions (asset, kind, asked_at) VALUES (17, 'handpay', 'x')")
    db.conn.close()
