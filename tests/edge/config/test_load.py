"""A broken configuration says file, line, key, remedy and code, everything at once; a good one loads."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from edge.config.load import ConfigErrors, json_schema, load
from edge.config.model import KeySettings, Scope, Settings
from edge.health.conditions import BY_CODE

ROOT = Path(__file__).parents[3]
GOOD = """[hall]
id = "7"
[gateway]
id = "hg-07"
[[line]]
name = "A"
url = "memory:a"
[[egm]]
asset = 17
line = "A"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(written(folder, text), environ=environ)
    return [str(problem) for problem in caught.value.problems]


def test_the_example_loads_and_fits_the_schema_that_editors_use():
    path = ROOT / "config.example.toml"
    settings = load(path, environ={})
    assert [line.name for line in settings.lines] == ["A", "B"]
    assert settings.mqtt is not None
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), json_schema())


def test_the_example_names_every_table_and_the_schema_holds_no_secret():
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        if name not in ("mqtt_password", "access_key", "backup_key"):
            assert f"[{name}" in text, name
    assert "mqtt_password" not in json.dumps(json_schema())


def test_a_small_configuration_has_sane_defaults(tmp_path):
    settings = load(written(tmp_path, GOOD), environ={})
    assert (settings.lines[0].poll_ms, settings.lines[0].silence_ms) == (200, 5300)
    assert settings.egms[0].address == 1
    assert settings.web.listen == ("127.0.0.1:8443",)


# Each row: the text put in the place of a line of GOOD, and what must be said about it.
BROKEN = [
    ('id = "7"\n', 'id = "7"\ntimezone = "UTC"\n',
     "config.toml:3: hall: timezone", "Did you mean time_zone?", "HE1003"),
    ('id = "7"\n', "", "config.toml:1: hall: id", "Add id", "HE1004"),
    ('id = "7"\n', 'id = "7"\ntime_zone = "Mars/Base"\n',
     'config.toml:3: hall: time_zone = "Mars/Base"', "IANA", "HE1006"),
    ('id = "7"\n', "id = 7\n", "config.toml:2: hall: id = 7", "should be a valid string", "HE1005"),
    ('id = "7"\n', 'id = "7\n', "config.toml:2:", "is not TOML", "HE1002"),
    ('id = "7"\n', 'id = "7"\ngaming_day_start = "25:00"\n',
     "config.toml:3: hall: gaming_day_start", "match", "HE1006"),
    ('url = "memory:a"\n', 'url = "ttx:/dev/x"\n',
     'config.toml:7: line "A": url', "tty: tcp9:", "HE1010"),
    ('url = "memory:a"\n', 'url = "memory:a"\nbaud = 19201\n',
     'config.toml:8: line "A": baud = 19201', "19200", "HE1012"),
    ('url = "memory:a"\n', 'url = "memory:a"\npoll_ms = 5\n',
     'config.toml:8: line "A": poll_ms = 5', "bounds", "HE1006"),
    ('url = "memory:a"\n', 'url = "memory:a"\nsilence_ms = 5000\n',
     'line "A": silence_ms = 5000', "5050", "HE1006"),
    ('url = "memory:a"\n', 'url = "memory:a"\nafter_three_tries = "silnce"\n',
     "after_three_tries", "silence?", "HE1016"),
    ('url = "memory:a"\n', 'url = "modbus-tcp:1.2.3.4:502"\n',
     "config.toml:10: egm 17: line", "Modbus", "HE1008"),
    ('line = "A"\n', 'line = "B"\n', "config.toml:10: egm 17: line", "lines: A", "HE1008"),
    ("asset = 17\n", "asset = 0\n", "config.toml:9: egm 0: asset = 0", "greater", "HE1006"),
    ('line = "A"\n', 'line = "A"\naddress = 128\n',
     "config.toml:11: egm 17: address = 128", "127", "HE1006"),
    ('line = "A"\n', 'line = "A"\n[[egm]]\nasset = 18\nline = "A"\n',
     "egm 18: address", "machine 17 already", "HE1009"),
    ('line = "A"\n', 'line = "A"\n[[egm]]\nasset = 17\nline = "A"\naddress = 2\n',
     "egm 17: asset", "twice", "HE1007"),
    ('line = "A"\n', 'line = "A"\n[egm.balance]\ntolerance = -1\n',
     "config.toml:12: egm 17: balance: tolerance = -1", "bounds", "HE1006"),
    ('line = "A"\n', 'line = "A"\n[egm.balance]\nlacks = [0x0C]\n',
     "config.toml:12: egm 17: balance: lacks[1] = 12", "allowed", "HE1016"),
    ('line = "A"\n', 'line = "A"\n[egm.balance]\ntickets_in_cancelled = true\n',
     "config.toml:11: egm 17: balance", 'only with cancelled = "total"', "HE1006"),
    ('line = "A"\n', 'line = "A"\n[web]\nlisten = ["0.0.0.0:80"]\n',
     "config.toml:12: web: listen[1]", "TLS", "HE1013"),
    ('line = "A"\n', 'line = "A"\n[mqtt]\nhost = "127.0.0.1"\npassword = "x"\n',
     "mqtt: password", "LoadCr", "HE1011"),
    ('line = "A"\n', 'line = "A"\n[mqtt]\nhost = "127.0.0.1"\n',
     "config.toml:11: mqtt: consumer", "consumers: none", "HE1015"),
    ('line = "A"\n', 'line = "A"\n[[key]]\nid = "c"\nhmac = "beef"\nscopes = ["all"]\n',
     'key "c": hmac', "match", "HE1006"),
    ('line = "A"\n', 'line = "A"\n[commands]\nkeys = []\n',
     "commands: keys", "Did you mean key?", "HE1003"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "what", "code"), BROKEN)
def test_each_mistake_is_named_with_its_place_and_its_remedy(tmp_path, old, new, where, what, code):
    said = problems(tmp_path, GOOD.replace(old, new, 1))
    fitting = [text for text in said if where in text and what in text and text.endswith(f"({code})")]
    assert fitting, said
    assert code in BY_CODE


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(tmp_path):
    text = GOOD.replace('"memory:a"', '"x"').replace('line = "A"', 'line = "Z"')
    text = text.replace('id = "7"', 'id = "7"\nfoo = 1')
    said = problems(tmp_path, text)
    assert [line.split(" ")[0] for line in said] == ["config.toml:3:", "config.toml:8:", "config.toml:11:"]


def test_mtr_10_what_may_be_lacking_are_the_meters_that_credits_are_made_of():
    from edge.config.model import BalanceTerm
    from edge.rules.balance import CANCELLED_ROW, CREDIT_ROWS

    assert set(BalanceTerm.__args__) == {row.code for row in (*CREDIT_ROWS, CANCELLED_ROW)}


def test_a_missing_file_is_said_with_its_full_path(tmp_path):
    with pytest.raises(ConfigErrors, match=r"config\.example\.toml"):
        load(tmp_path / "config.toml", environ={})


def test_conf_d_adds_machines_and_overrides_keys_and_its_mistakes_carry_its_name(tmp_path):
    (tmp_path / "conf.d").mkdir()
    more = tmp_path / "conf.d" / "10-bank2.toml"
    more.write_text('[hall]\nname = "Seven"\n[[egm]]\nasset = 18\nline = "A"\naddress = 2\n', encoding="utf-8")
    settings = load(written(tmp_path, GOOD), environ={})
    assert [machine.asset for machine in settings.egms] == [17, 18]
    assert (settings.hall.id, settings.hall.name) == ("7", "Seven")
    more.write_text('[[egm]]\nasset = 18\nline = "A"\nadress = 2\n', encoding="utf-8")
    said = problems(tmp_path, GOOD)
    assert any(line.startswith("conf.d/10-bank2.toml:4: egm 18: adress") and "mean address?" in line for line in said)


def test_the_environment_wins_over_the_file_and_its_mistakes_name_the_variable(tmp_path):
    settings = load(written(tmp_path, GOOD), environ={"HALL_EDGE__HALL__NAME": "Eight", "PATH": "/bin"})
    assert settings.hall.name == "Eight"
    (said,) = problems(tmp_path, GOOD, HALL_EDGE__STORE__KEEP_EVENTS_DAYS="0")
    assert said.startswith("environment: HALL_EDGE__STORE__KEEP_EVENTS_DAYS")
    (said,) = problems(tmp_path, GOOD, HALL_EDGE__STOR__DIRECTORY="/x")
    assert "Did you mean HALL_EDGE__STORE?" in said
    (said,) = problems(tmp_path, GOOD, HALL_EDGE__WEB__LISTEN='["0.0.0.0:80"]')
    assert "HE1013" in said, "a door is not less open for being opened in the environment"
    (said,) = problems(tmp_path, GOOD, HALL_EDGE__WEB__LISTEN="[oops")
    assert "HE1014" in said


def test_a_credential_is_read_and_never_shown(tmp_path):
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "hall_edge__access_key").write_text("0123456789abcdef", encoding="utf-8")
    (tmp_path / "credentials" / "box-key").write_text("another unit's", encoding="utf-8")
    settings = load(written(tmp_path, GOOD), environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})
    assert settings.access_key is not None
    assert settings.access_key.get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(settings)


def test_lists_over_several_lines_and_comments_do_not_shift_the_lines(tmp_path):
    text = GOOD.replace("[gateway]", '[polling]\nmeters = [  # "what"\n  0,\n  1,\n]\nmeterz = 1\n[gateway]')
    (said,) = problems(tmp_path, text)
    assert said.startswith("config.toml:8: polling: meterz")


def test_settings_do_not_change_afterwards(tmp_path):
    settings = load(written(tmp_path, GOOD), environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.hall.name = "x"


def test_the_scopes_of_keys_are_those_of_the_access_room():
    from edge.access import SCOPES

    assert set(Scope.__args__) == SCOPES
    assert KeySettings(id="c", hmac="0" * 64, scopes=("events:read",)).consumer is None
