"""Settings: every key of the configuration, its meaning, unit, range and default. Pure: files are read in `load.py`.

Machines named here only seed the registry; at run time the registry counts. Secrets never stand in these tables: they
come from the credentials directory (or, in development, the environment).
"""

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from edge.hall.ids import ASSET_MAX
from edge.hall.meters import FIRST_SNAPSHOT

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80)]
LineUrl = Annotated[
    str, StringConstraints(pattern=r"^(tty|tcp9|tcp|rfc2217|memory|modbus-tcp|modbus-rtu|modbus-rtu-tcp):.+$")
]
HexKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Listen = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$")]
MeterCode = Annotated[int, Field(ge=0, le=0xFFFF)]
BalanceTerm = Literal[0x00, 0x01, 0x03, 0x04, 0x08, 0x09, 0x0B, 0x15, 0x16, 0x17, 0x18]
"Meters that credits are made of or go to (MTR-10)."
Scope = Literal[
    "status:read", "events:read", "events:ack", "events:rewind", "commands:write", "egms:read", "egms:write",
    "lines:read", "trace:read", "incidents:write", "reports:read", "proof:read", "config:read", "config:write",
    "access:admin", "backup:admin", "remote:admin", "metrics:read", "sim:write",
]  # fmt: skip


class Table(BaseModel):
    """A table of the configuration: unknown keys are errors, values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class HallSettings(Table):
    """The hall."""

    id: Name
    "Number or short name of the hall; stands in every event."
    name: Label = "Hall"
    time_zone: str = "UTC"
    "IANA name, such as Europe/Sofia: the gaming day and what people read."
    gaming_day_start: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "06:00"
    "Local time at which the gaming day begins."
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    "ISO 4217 code of the money in the machines."
    language: Literal["en", "de"] = "en"
    "Of the sentences people read; records carry none."
    profile: str | None = None
    "File with the jurisdiction's parameters."

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("is not a time zone of the IANA list") from unknown
        return value


class GatewaySettings(Table):
    """This box."""

    id: Name
    "Name of this gateway; stands in every event."
    run_directory: str = "/run/hall-edge"
    "Where the sockets of both processes are."
    guarded_after_starts: int = Field(default=6, ge=0, le=32)
    "So many starts of the field within five minutes and it changes no machine until it has run for ten. 0: never."


class LineSettings(Table):
    """One serial port or bus."""

    name: Name
    "Short name, as on the cable."
    label: Label | None = None
    url: LineUrl
    "SAS: tty: tcp9: tcp: rfc2217: memory: · Modbus: modbus-tcp: modbus-rtu: modbus-rtu-tcp:"
    profile: Name = "default"
    "Timings and quirks of the line and its machines."
    enabled: bool = True
    poll_ms: int = Field(default=200, ge=20, le=5000)
    "Each machine is asked this often; 40 only where the machines allow it."
    baud: Literal[19200, 9600] = 19200
    "Serial SAS lines only."
    gap_ms: float = Field(default=1.5, ge=0, le=4.5)
    "tty: silence after the first byte of a frame, in which parity is switched."
    wakeup_by: Literal["mark_space", "two_stop_bits", "even_parity"] = "mark_space"
    "tty: the last two only for boards that ignore the ninth bit."
    dtr: bool = True
    "tty: some level converters live on it."
    rts: bool = True
    "tty: the same."
    wakeup_by_server: bool = False
    "tcp: the device server sets the wake-up bit itself."
    parity_proven: bool = False
    "rfc2217: mark and space were seen on the server's wire."
    deaf_after_s: int = Field(default=120, ge=0, le=86_400)
    "A port that sends so long and hears nothing is opened anew; 0: never."
    confirm: Literal["noisy", "exceptions", "always"] = "noisy"
    "Which answers without a check sum must come twice: those of a line with errors, every exception, or all."
    reply_within_ms: int = Field(default=50, ge=5, le=2000)
    "How long the first byte of an answer may take, from the end of the question; add the way of a device server."
    silence_ms: int = Field(default=5300, ge=5050, le=60_000)
    "Silence after a stop that was not clean or after three lost tries: over the 5 s after which a machine gives up."
    after_three_tries: Literal["silence", "go_on"] = "silence"
    "go_on: for a line with many machines; what may have been lost is then recorded as a gap."
    max_answer_ms: int = Field(default=1500, ge=50, le=10_000)
    "Modbus only."

    @property
    def is_sas(self) -> bool:
        """False: a Modbus bus."""
        return not self.url.startswith("modbus-")


class BalanceSettings(Table):
    """By what a machine's own meters are held against each other. Unlike the rest of [[egm]] it counts at each start."""

    tolerance: int = Field(default=0, ge=0, le=1_000_000)
    "Credits by which its meters may disagree before it is told."
    cancelled: Literal["parts", "total"] = "parts"
    "parts: meters 03 and 09 are what was cancelled and paid; total: meter 04, which holds both."
    tickets_in_cancelled: bool = False
    "With total: tickets printed are in 04 already, as some makers fill it."
    lacks: tuple[BalanceTerm, ...] = ()
    "Meters that do not count for this machine, because it has no such device."

    @model_validator(mode="after")
    def _tickets_are_in_the_total_only(self) -> Self:
        if self.tickets_in_cancelled and self.cancelled != "total":
            raise ValueError('tickets_in_cancelled says something only with cancelled = "total"')
        return self


class EgmSettings(Table):
    """A slot machine to be registered at first sight."""

    asset: int = Field(ge=1, le=ASSET_MAX)
    "The operator's permanent number."
    line: Name
    address: int = Field(default=1, ge=1, le=127)
    "SAS address."
    location: Annotated[str, StringConstraints(max_length=40)] | None = None
    "Place on the floor."
    label: Label | None = None
    serial: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    "Serial number of the cabinet that should answer there; none: whichever answers first is taken."
    balance: BalanceSettings = BalanceSettings()


class StoreSettings(Table):
    """Where the books are, and how long they are kept."""

    directory: str = "/var/lib/hall-edge"
    "Directory of hall.db."
    anchor: str | None = None
    "File outside of it, on another device if possible, that remembers the head of the log."
    quota_mib: int | None = Field(default=None, ge=64, le=4_194_303)
    "The most that hall.db may grow to, MiB; none: as far as its disk has room."
    room_percent: tuple[int, int, int] = (15, 8, 3)
    "So much free of the whole, or less, is low, short, critical."
    room_enough_mib: int = Field(default=8192, ge=0, le=4_194_303)
    "So much free is enough, whatever share of a large disk it is."
    room_days_alarm: tuple[int, ...] = (30, 14, 7)
    "An alarm when the disk holds for so many days at the rate of the last 24 h."
    keep_events_days: int = Field(default=90, ge=1, le=3650)
    "And never what a required consumer lacks."
    keep_money_days: int = Field(default=400, ge=1, le=3650)
    trace_minutes: int = Field(default=30, ge=0, le=240)
    "Ring in memory, per line."

    @field_validator("room_percent")
    @classmethod
    def _falling(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not 90 >= value[0] > value[1] > value[2] >= 1:
            raise ValueError("are three falling numbers from 90 to 1")
        return value


class BackupSettings(Table):
    """Copies of the books that outlive the box's disk, if they are carried away."""

    directory: str | None = None
    "Where they are written; default: backups/ beside hall.db. Another disk is better."
    keep: int = Field(default=14, ge=1, le=1000)
    "So many of the newest stay; an older one goes only after a new one was checked."
    key: str | None = None
    "File with the key they are sealed with, 64 hexadecimal digits; better: credential hall_edge__backup_key. None: unsealed."


class ConsumerSettings(Table):
    """Somebody who reads the log and confirms."""

    name: Name
    required: bool = True
    "true: nothing may be deleted that this one lacks."


class MqttSettings(Table):
    """The broker, if events go by MQTT 5 as well."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    port: int = Field(default=8883, ge=1, le=65535)
    spare: tuple[Listen, ...] = Field(default=(), max_length=4)
    "Further brokers of the same central, host:port: used in this order while the first does not work."
    client_id: Name | None = None
    "Default: the gateway's id."
    consumer: Name = "central-mqtt"
    "Whose acknowledgements move the cursor; one of the [[consumer]] tables."
    username: str | None = None
    ca: str | None = None
    "File with the broker's authority; none: no TLS, only allowed on loopback."
    cert: str | None = None
    key: str | None = None
    ack_timeout_s: int = Field(default=20, ge=1, le=3600)
    "No acknowledgement for this long while something is out: begin again from the cursor."
    window: int = Field(default=4, ge=1, le=64)
    "Batches in flight."


class WebSettings(Table):
    """Pages for people and the API."""

    listen: tuple[Listen, ...] = ("127.0.0.1:8443",)
    "Beyond loopback only with TLS."
    listen_central: tuple[Listen, ...] = ()
    "For machines with client certificates."
    cert: str | None = None
    key: str | None = None
    client_ca: str | None = None
    session_minutes: int = Field(default=10, ge=1, le=60)
    developer: bool = False


class LogSettings(Table):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class KeySettings(Table):
    """An API key; made by: hallctl key new."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")]
    hmac: HexKey
    "HMAC-SHA-256 of the secret under the front's access key; the secret itself is nowhere stored."
    scopes: tuple[Scope, ...] = Field(min_length=1)
    consumer: Name | None = None
    "The one consumer this key may read and acknowledge for."


class CommandKeySettings(Table):
    """A public key with which central signs commands."""

    key_id: Name
    ed25519: HexKey
    "32 bytes, hex."
    central: Name | None = None
    "Which central it belongs to; none: any."


class CommandsSettings(Table):
    """Who may command."""

    key: tuple[CommandKeySettings, ...] = ()


class PollingSettings(Table):
    """What is asked of each machine, and how often."""

    meters_every_s: int = Field(default=900, ge=1, le=86_400)
    day_end_within_s: int = Field(default=60, ge=10, le=900)
    """Each machine is read once more in so many seconds before the gaming day ends; more where lines carry many machines.
    What is played between that reading and the hour counts in the next day."""
    read_within_s: int = Field(default=150, ge=5, le=3600)
    "Meters that are asked for by command are told, or the command has failed, within this."
    meters: tuple[MeterCode, ...] = Field(default=FIRST_SNAPSHOT, min_length=1, max_length=300)
    "Meter codes of a snapshot."
    credits_per_hour: int = Field(default=1_000_000, ge=1, le=10**12)
    "The most credits a machine can move; tells a meter that wrapped from one that was cleared."
    cents_per_hour: int = Field(default=100_000_000, ge=1, le=10**14)
    games_per_hour: int = Field(default=100_000, ge=1, le=10**9)
    on_wrong_machine: Literal["hold", "go_on"] = "go_on"
    """Another machine than the enrolled or known one answers. go_on: an alarm, and a new generation of its meters; hold:
    nothing is taken from it until the command egm.confirm."""
    per_game: Literal["never", "link_up", "always"] = "link_up"
    "When the meters of each game of a multi-game machine are read beside those of the machine as a whole."
    game_meters: tuple[MeterCode, ...] = Field(default=(0x00, 0x01, 0x02, 0x05), min_length=1, max_length=12)
    "Meter codes read for each game."


class Settings(Table):
    """The whole configuration."""

    hall: HallSettings
    gateway: GatewaySettings
    line: tuple[LineSettings, ...] = ()
    egm: tuple[EgmSettings, ...] = ()
    polling: PollingSettings = PollingSettings()
    store: StoreSettings = StoreSettings()
    backup: BackupSettings = BackupSettings()
    consumer: tuple[ConsumerSettings, ...] = ()
    mqtt: MqttSettings | None = None
    web: WebSettings = WebSettings()
    commands: CommandsSettings = CommandsSettings()
    key: tuple[KeySettings, ...] = ()
    log: LogSettings = LogSettings()
    mqtt_password: SecretStr | None = None
    "Credential hall_edge__mqtt_password; never in a file of the configuration."
    access_key: SecretStr | None = None
    "Credential hall_edge__access_key: the front's key under which API keys are kept."
    backup_key: SecretStr | None = None
    "Credential hall_edge__backup_key: what backups are sealed with."

    @property
    def lines(self) -> tuple[LineSettings, ...]:
        """All `[[line]]` tables."""
        return self.line

    @property
    def egms(self) -> tuple[EgmSettings, ...]:
        """All `[[egm]]` tables."""
        return self.egm

    @property
    def consumers(self) -> tuple[ConsumerSettings, ...]:
        """All `[[consumer]]` tables."""
        return self.consumer

    @property
    def keys(self) -> tuple[KeySettings, ...]:
        """All `[[key]]` tables."""
        return self.key

    @property
    def command_keys(self) -> tuple[CommandKeySettings, ...]:
        """All `[[commands.key]]` tables."""
        return self.commands.key


SECRETS = frozenset({("mqtt_password",), ("access_key",), ("backup_key",), ("mqtt", "password"), ("web", "access_key")})
"Paths that must not stand in a file of the configuration."
