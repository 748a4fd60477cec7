"""Every condition and error a person may meet: code, slug, how bad, what it means, what to do.

Pure data. Errors carry a slug and facts; the words for people are here, with the facts in braces. Logs, pages, problem
documents and `hallctl explain` all read this table; a test fails if a slug of ours has no row.

Codes: 10xx configuration · 20xx lines · 21xx machines · 22xx what came over a wire · 30xx storage · 40xx delivery ·
41xx commands · 50xx access · 60xx the gateway's processes and clock.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Severity = Literal["alarm", "warning", "notice"]


class Condition(NamedTuple):
    """One row of the table."""

    code: str
    slug: str
    severity: Severity
    text: str
    remedy: str
    hides: tuple[str, ...] = ()
    "Slugs that need not be shown beside this one: it is their cause."
    status: int = 500
    "HTTP status where it is an answer."


def _table(*rows: Condition) -> Mapping[str, Condition]:
    table: dict[str, Condition] = {}
    for row in rows:
        if row.slug in table or any(row.code == known.code for known in table.values()):
            raise ValueError(f"{row.code} {row.slug} stands twice in the table of conditions")
        table[row.slug] = row
    return table


_C = Condition
CONDITIONS: Mapping[str, Condition] = _table(
    # configuration
    _C("HE1000", "config-broken", "alarm", "The configuration has {problems} problems and is not used.",
       "Run: hallctl config check"),
    _C("HE1001", "config-missing", "alarm", "There is no configuration file {file}.",
       "Copy config.example.toml to /etc/hall-edge/config.toml and change it."),
    _C("HE1002", "config-not-toml", "alarm", "{file}, line {line}, is not TOML.",
       "Compare the line with config.example.toml: quotes, brackets, one key a line."),
    _C("HE1003", "config-unknown-key", "alarm", "{file}, line {line}: {key} is not a key of the configuration.",
       "Look for a misspelling; the message names the nearest known key."),
    _C("HE1004", "config-missing-key", "alarm", "{file}, line {line}: {key} is missing.",
       "Add the key; config.example.toml shows it."),
    _C("HE1005", "config-wrong-type", "alarm", "{file}, line {line}: {key} is not of the right type.",
       "Numbers stand without quotes, words with them."),
    _C("HE1006", "config-out-of-range", "alarm", "{file}, line {line}: {key} has a value that cannot be.",
       "Choose a value within the bounds that the message names."),
    _C("HE1007", "config-twice", "alarm", "{file}, line {line}: {key} stands twice.",
       "Names and asset numbers must be unique."),
    _C("HE1008", "config-no-line", "alarm", "{file}, line {line}: a machine names a line that is not there.",
       "Add the line, or correct the name."),
    _C("HE1009", "config-address-taken", "alarm", "{file}, line {line}: two machines have one SAS address on a line.",
       "Give one of them another address in its operator menu and in the configuration."),
    _C("HE1010", "config-bad-url", "alarm", "{file}, line {line}: the url of the line is not understood.",
       "SAS: tty: tcp9: tcp: rfc2217: memory: - Modbus: modbus-tcp: modbus-rtu: modbus-rtu-tcp:"),
    _C("HE1011", "config-secret", "alarm", "{file}, line {line}: a secret stands in the configuration.",
       "Take it out, change the secret, and give the new one to the unit with LoadCredential."),
    _C("HE1012", "config-baud", "alarm", "{file}, line {line}: SAS lines run at 19200 (or 9600).",
       "Write baud = 19200, or leave the key out."),
    _C("HE1013", "config-open", "alarm", "{file}, line {line}: something would be reachable from outside without TLS.",
       "Set certificate and key, or stay on 127.0.0.1."),
    _C("HE1014", "config-environment", "alarm", "An environment variable with our prefix is not understood.",
       "Compare its name with the keys of the configuration; lists and tables are JSON there."),
    _C("HE1015", "config-no-consumer", "alarm", "{file}, line {line}: this consumer is not there.",
       "Add a [[consumer]] table, or correct the name."),
    _C("HE1016", "config-not-a-choice", "alarm", "{file}, line {line}: {key} is not one of the words allowed.",
       "Write one of the words that the message names."),
    _C("HE1017", "config-unreadable", "alarm", "{file} cannot be read.",
       "Make it UTF-8 and readable: chgrp hall-edge FILE; chmod 0640 FILE"),
    _C("HE1020", "registry-differs", "warning",
       "Machine {asset}: the configuration says {field} {configured}, the registry {registered}.",
       "The registry counts. Change the machine there, or make the configuration say the same."),
    # lines
    _C("HE2001", "line-lost", "alarm", "Line {line} is gone. Its machines are not polled.",
       "Plug the adapter back in. If it stays dark, swap it, then run: hallctl doctor",
       ("link-down", "machine-silent"), 503),
    _C("HE2002", "line-busy", "warning", "Line {line} cannot take a frame now.",
       "Nothing: it is tried again. If it stays, another program may hold the port.", (), 409),
    _C("HE2003", "line-unfit", "alarm", "Line {line}: this port cannot carry the wake-up bit.",
       "Use an adapter that knows mark and space parity (FTDI), or a device server with the tcp9 way."),
    _C("HE2004", "line-silent", "notice", "Line {line} is silent on purpose.",
       "Nothing: its machines must first have given up the last talk. It goes on by itself within seconds.",
       ("link-down", "machine-silent")),
    _C("HE2005", "line-held", "alarm", "Line {line} is held: what it says could not be stored.",
       "Make room on the disk; the machines keep their events meanwhile.", ("link-down", "machine-silent")),
    _C("HE2006", "line-error", "warning", "Line {line} is not well.", "Run: hallctl line trace {line}"),
    # machines
    _C("HE2101", "link-down", "alarm", "Machine {asset} does not answer.",
       "Check its power and the plug at its SAS port. The tile turns green within 5 s.", ("machine-silent",), 504),
    _C("HE2102", "machine-replaced", "alarm", "Machine {asset}: another machine answers at its place.",
       "If it was swapped, register the swap; if not, look for crossed cables."),
    _C("HE2103", "unknown-machine", "warning", "Machine {asset} is not registered.",
       "Look at the list: hallctl egm list", (), 404),
    _C("HE2104", "machine-silent", "alarm", "Machine {asset} has not answered for a while; nothing is lost so far.",
       "Check the plug at the machine's SAS port. The tile turns green within 5 s.", (), 504),
    _C("HE2105", "exceptions-lost", "alarm", "Machine {asset}: its event buffer ran over, events are lost.",
       "Its meters are read in full. Find out why it was not polled: hallctl egm show {asset}"),
    _C("HE2106", "data-gap", "alarm", "Machine {asset}: events may be missing.",
       "Compare its meters before and after; the gap stands in the log."),
    _C("HE2107", "meters-review", "alarm", "Machine {asset}: meters need a person's decision.",
       "Compare with the machine's own display, then decide: hallctl review list --egm {asset}"),
    _C("HE2108", "meters-cleared", "alarm", "Machine {asset}: its meters started anew.",
       "Note who cleared its memory and why; the old generation is kept."),
    _C("HE2109", "unknown-exception", "notice", "Machine {asset} sent exception {code}, which is not in the catalogue.",
       "It is stored with its raw value. Tell us the model and what happened."),
    _C("HE2110", "already-decided", "notice", "This reading is decided already; a decision stands.",
       "See who decided it, and why: hallctl review list --all", (), 409),
    # what came over a wire
    _C("HE2200", "protocol-error", "warning", "Machine {asset}: the talk with it went wrong.",
       "Look at the wire: hallctl line trace {line}"),
    _C("HE2201", "bad-crc", "warning", "Machine {asset}: an answer came damaged; it is asked again.",
       "Rare ones are normal. Many: check the cable, its length and its shield.", (), 502),
    _C("HE2202", "bad-length", "warning", "Machine {asset}: an answer had a wrong length; it is asked again.",
       "Many of these from one model: record the wire and send us the capture.", (), 502),
    _C("HE2203", "bad-field", "warning", "Machine {asset}: an answer held a value that cannot be; it is not used.",
       "Many of these from one model: record the wire and send us the capture.", (), 502),
    _C("HE2204", "bad-echo", "warning", "Machine {asset}: an answer belonged to another question or machine.",
       "Look for two machines with one address on the line.", (), 502),
    _C("HE2299", "bad-capture", "warning", "The capture cannot be read: {error}.",
       "Record it again; its format is described in docs/captures.md."),
    _C("HE2205", "refused", "notice", "Machine {asset} refused what was asked.",
       "Its menu or its options may forbid it; see what the result says.", (), 409),
    _C("HE2206", "busy", "notice", "Machine {asset} is busy; it is asked again.",
       "Nothing, unless it stays.", (), 409),
    _C("HE2207", "unexpected", "warning", "Machine {asset} answered what nobody asked.",
       "Look at the wire: hallctl line trace {line}", (), 502),
    _C("HE2208", "not-now", "warning", "The gateway asked a line at a wrong moment.",
       "This is a bug of ours: send a bundle.", (), 409),
    _C("HE2209", "bad-request", "warning", "What was asked cannot be said in this protocol.",
       "Correct the request; the text names the field.", (), 400),
    _C("HE2210", "frame-error", "warning", "Machine {asset}: noise on the line.",
       "Check cable and connector.", (), 502),
    _C("HE2211", "peer-error", "warning", "Machine {asset} does not do what the standard says.",
       "Record the wire and send us the capture.", (), 502),
    _C("HE2212", "local-error", "warning", "The gateway did something wrong on a line.",
       "This is a bug of ours: send a bundle."),
    _C("HE2213", "unsupported", "notice", "Machine {asset} does not know this question.",
       "Nothing: older machines know fewer.", (), 409),
    _C("HE2214", "no-answer", "warning", "Machine {asset} did not answer this question.",
       "Ask again when the machine is on line.", (), 504),
    _C("HE2215", "chatter", "notice", "Line {line}: bytes nobody asked for.",
       "Look for a second host on the wire, or a machine with the wrong address."),
    _C("HE2216", "not-taken", "warning", "Machine {asset} accepted its clock and shows another time.",
       "Set the clock in its operator menu.", (), 409),
    # storage
    _C("HE3000", "store-error", "alarm", "The books could not be written.", "See the next message of the field."),
    _C("HE3001", "storage-fatal", "alarm", "The disk refused the books; the field stops and starts anew.",
       "Replace the disk if it comes again: hallctl doctor", ("store-error",), 503),
    _C("HE3002", "storage-full", "alarm", "The disk is full; the lines are held, machines keep their events.",
       "Make room; it goes on by itself.", ("line-held", "store-error"), 503),
    _C("HE3003", "constraint-broken", "alarm", "A fact did not fit the books and was set aside.",
       "This is a bug of ours: send a bundle."),
    _C("HE3004", "bad-fact", "alarm", "A fact did not match the catalogue and was set aside.",
       "This is a bug of ours: send a bundle."),
    _C("HE3005", "store-missing", "alarm", "The database is not where it should be; nothing is polled.",
       "Put it back or restore a backup; never let a new one be made over a lost one."),
    _C("HE3006", "store-locked", "alarm", "Another process has the books open for writing.",
       "Stop it: only one field may run on a box."),
    _C("HE3008", "writer-closed", "alarm", "The field stops; nothing more is written.",
       "Ask again when it runs: systemctl status hall-edge", (), 503),
    _C("HE3009", "not-migrated", "alarm", "The database has the tables of an older version.",
       "Run: hall-edge migrate", (), 503),
    _C("HE3010", "pragma-refused", "alarm", "The database does not take a setting on which durability rests.",
       "Put it on a local file system (ext4, xfs), then run: hallctl doctor", (), 503),
    _C("HE3011", "chain-broken", "alarm", "A record of the log does not fit its chain: changed, or one is missing.",
       "Touch nothing, make a copy of the database, and call us.", (), 503),
    _C("HE3012", "bad-envelope", "alarm", "An event could not be put into the form of the log and was set aside.",
       "This is a bug of ours: send a bundle."),
    _C("HE3020", "safe-mode", "alarm", "The gateway is in safe mode: nothing is polled and nothing is written.",
       "Run: hallctl status; it names the cause and what to do.", ("link-down", "machine-silent"), 503),
    _C("HE3021", "database-missing", "alarm", "The database is gone from {directory}; this box had one before.",
       "Do not let a new one be made. Is the disk mounted (findmnt)? Put the database back, or restore a backup; then run: "
       "systemctl restart hall-edge", (), 503),
    _C("HE3022", "database-damaged", "alarm", "The database is damaged: {damage}.",
       "Keep the file. systemctl stop hall-edge; then restore the newest backup (hall-edge restore FILE --into DIR --replace), "
       "or if there is none: hallctl store salvage --to NEWDIR --put-back; then systemctl start hall-edge", (), 503),
    _C("HE3023", "read-only", "alarm", "The file system of the database cannot be written.",
       "Run: dmesg | tail; if the disk shows errors, swap it. Else: mount -o remount,rw, then systemctl restart hall-edge",
       (), 503),
    _C("HE3024", "schema-unknown", "alarm", "The database was made by a newer version: {unknown}.",
       "Install that version again; the database is never taken back to an older one.", (), 503),
    _C("HE3025", "disk-unreadable", "alarm", "The disk cannot give back a part of the database.",
       "The disk is dying (dmesg names it). Onto a new one: restore the newest backup (hall-edge restore FILE --into DIR), "
       "or save what can be read: hallctl store salvage --to NEWDIR", (), 503),
    _C("HE3026", "guarded-mode", "alarm",
       "The field started {starts} times within minutes. Machines are polled and stored; none is changed.",
       "Send a bundle. It ends after ten minutes without a crash, or at once with: hallctl store unguard", (), 409),
    _C("HE3027", "foreign-writer", "alarm", "Another program wrote into the database; the field stopped and starts anew.",
       "Find it and stop it (fuser -v hall.db*). Only hall-edge may open the database for writing.", (), 503),
    _C("HE3028", "database-replaced", "alarm", "The database was deleted or replaced under the running field.",
       "Find out who did it. Put the old file back if you have it, or restore a backup.", (), 503),
    _C("HE3029", "wal-large", "alarm", "The write-ahead log has grown to {bytes} bytes: a reader holds it.",
       "Find the program that has hall.db open (fuser -v hall.db) and stop it.", ()),
    _C("HE3030", "room-low", "warning", "The books have room for {free_bytes} bytes more: traces and captures stop.",
       "Make room on the disk, or keep records for a shorter time: [store] keep_events_days"),
    _C("HE3031", "room-short", "alarm", "The books have room for {free_bytes} bytes more: events of mere play are thinned out.",
       "Make room on the disk now; hallctl status says for how many days it holds."),
    _C("HE3032", "room-critical", "alarm", "The books have room for {free_bytes} bytes more: commands of money are refused.",
       "Make room on the disk at once. If bytes are left, files are not: df -i", (), 503),
    _C("HE3033", "room-days", "alarm", "The disk holds for {days} days at the rate of the last 24 hours.",
       "Get a larger disk, or keep records for a shorter time: [store] keep_events_days"),
    _C("HE3034", "disk-slow", "alarm", "A commit took {commit_ms} ms; lines wait for the disk.",
       "Look who else writes on it (iotop); if nobody does, the disk is dying: swap it."),
    _C("HE3035", "room-again", "notice", "There is room in the books again.", "Nothing."),
    _C("HE3060", "salvaged", "alarm", "These books were saved from a damaged database; missing in: {missing}.",
       "Read salvage.json beside the new file. Central asks what became of the old stream; compare meters with the "
       "machines."),
    _C("HE3061", "unsalvageable", "alarm", "Nothing can be read of this database.",
       "Keep the file. Restore the newest backup: hall-edge restore FILE --into DIR --replace"),
    _C("HE3013", "event-too-large", "alarm", "An event was larger than 64 KiB and was set aside.",
       "Ask fewer meters in one snapshot; [polling] meters says which."),
    _C("HE3014", "sync-error", "alarm", "Something went wrong between the books and central.", "Send a bundle."),
    _C("HE3015", "anchor-failing", "warning", "The anchor {path} cannot be used ({error}); the log itself is complete.",
       "Make its directory writable for hall-edge. Until then a disk that silently drops the newest records is noticed later."),
    _C("HE3016", "tail-lost", "alarm",
       "Records from {first_missing} on, which were stored once, are gone; the log goes on as a new epoch.",
       "The disk or its controller lost what it had confirmed: replace it by one with power-loss protection."),
    _C("HE3017", "restored", "alarm", "The database is an older one than this box had; the log goes on as a new epoch.",
       "Nothing, if a backup was restored on purpose. Central asks what became of the old stream."),
    _C("HE3018", "moved", "alarm", "The database was copied here from elsewhere; the log goes on as a new epoch.",
       "See that the box it came from never runs with it again."),
    _C("HE3019", "verify-failed", "alarm", "The books do not hold: {damage}.",
       "Touch nothing, make a copy of the database, and call us."),
    _C("HE3007", "epoch-opened", "alarm", "The log started a new epoch.",
       "Central must ask what became of the old one; the first record says why."),
    _C("HE3040", "backup-missed", "alarm", "No backup was made: {text}.",
       "Do what the text says, then run: hallctl backup now. The older backups are untouched."),
    _C("HE3041", "archive-damaged", "alarm", "This backup was changed after it was made, or its disk is bad.",
       "Take another one; hallctl backup verify says which of them hold."),
    _C("HE3042", "archive-truncated", "alarm", "This backup is cut off: the file ends before its archive does.",
       "Copy it again from where it came from, or take another one."),
    _C("HE3043", "wrong-key", "warning", "This backup was sealed with another key.",
       "Take the key that was in force when it was made: --key-file."),
    _C("HE3044", "key-missing", "warning", "The key of this backup is not there, or is no key.",
       "Give --key-file, a file with 64 hexadecimal digits."),
    _C("HE3045", "archive-refused", "alarm", "This file is no backup of ours: nothing of it was unpacked further.",
       "Take another one. If somebody gave it to you as a backup, call us."),
    _C("HE3046", "database-refused", "alarm", "The database in this backup is not one of ours, or not what it claims.",
       "Take another one. If a newer version made it, install that version first."),
    _C("HE3047", "copy-damaged", "alarm", "The copy of the books does not hold: the books or the disk are damaged.",
       "Keep the older backups, and run: hall-edge verify."),
    _C("HE3048", "no-room", "alarm", "There is not enough room for a backup or a restore: {free} bytes are free.",
       "Make room, or give another disk: [backup] directory."),
    _C("HE3049", "occupied", "warning", "This directory holds books already.",
       "Say --replace to have them moved aside, if it is the right directory."),
    # delivery
    _C("HE4000", "delivery-error", "warning", "Events could not be delivered; they are kept.", "Nothing: tried again."),
    _C("HE4001", "chain-mismatch", "alarm", "{consumer} confirmed a record that reads differently here.",
       "Stop that consumer and call us: one of both sides has other books.", (), 409),
    _C("HE4002", "ack-beyond-head", "alarm", "{consumer} confirmed a record that was never made.",
       "Check which gateway it thinks this is.", (), 416),
    _C("HE4003", "epoch-changed", "warning", "This stream id is not ours.",
       "Ask for the list of epochs, and begin at the first record of the new one.", (), 409),
    _C("HE4004", "cursor-expired", "warning", "What comes after this cursor is no longer kept.",
       "Go on from the oldest record, and declare the gap.", (), 410),
    _C("HE4005", "unknown-consumer", "warning", "There is no consumer {consumer}.",
       "Add a [[consumer]] table, or use a name that is there.", (), 404),
    _C("HE4006", "central-silent", "alarm", "{consumer} has not confirmed for a while; everything is kept.",
       "Check the way to central and central itself."),
    _C("HE4007", "broker-lost", "alarm", "The broker cannot be reached; everything is kept.",
       "Check network, address and certificate of the broker."),
    _C("HE4008", "broker-refused", "alarm", "The broker refuses what we send.",
       "Check its access list for this gateway's topics."),
    _C("HE4020", "retention-held", "warning", "{consumer} lacks old records, so none are deleted; last heard {since}.",
       "Connect it again, or make it not required if it is not used any more."),
    _C("HE4021", "not-older", "warning", "A consumer is set back only; this cursor is ahead of it.",
       "See where it stands: hallctl consumer list", (), 409),
    _C("HE4022", "not-next", "warning", "This is not the record at which the delivery stands.",
       "See where it stands: hallctl consumer list", (), 409),
    _C("HE4023", "certificate-ends", "warning", "The certificate in {file} ({use}) ends in {days} days, on {until}.",
       "Put a new one in its place; it is used from the next connection to the broker, for pages from the next start."),
    _C("HE4024", "certificate-over", "alarm", "The certificate in {file} ({use}) ended on {until}.",
       "Put a new one in its place. If it should still hold: is the clock right?"),
    # commands
    _C("HE4100", "command-error", "warning", "This command is not accepted.", "See the text.", (), 400),
    _C("HE4101", "malformed", "warning", "This command does not have the form of a command.",
       "Send every field of the envelope; the text names the first that is wrong.", (), 400),
    _C("HE4102", "expired", "warning", "This command came too late; nothing was done.",
       "Send it again under a new id, if it is still wanted.", (), 409),
    _C("HE4103", "conflict", "alarm", "Another command with this id is known here.",
       "Give each command an id of its own.", (), 409),
    _C("HE4104", "wrong-epoch", "warning", "This command expects another stream id.",
       "Ask what became of the old epoch first.", (), 409),
    _C("HE4105", "stale-term", "alarm", "A newer central has spoken; this term is over.",
       "Find out why two centrals are at work.", (), 409),
    _C("HE4106", "wrong-gateway", "warning", "This command is for another gateway.", "Check its address.", (), 409),
    _C("HE4107", "too-old", "warning", "This command was issued before what is still remembered.",
       "Issue it anew.", (), 409),
    _C("HE4108", "bad-signature", "alarm", "The signature of this command does not hold.",
       "Check key and key id at central, and [[commands.key]] here.", (), 403),
    _C("HE4109", "unsigned", "warning", "Over a broker a command must be signed.", "Sign it with Ed25519.", (), 403),
    _C("HE4110", "unknown-kind", "warning", "There is no such kind of command.", "See the list of kinds.", (), 400),
    _C("HE4111", "unknown-key", "alarm", "This key id is not known here.",
       "Add the public key as [[commands.key]].", (), 403),
    _C("HE4112", "desk-full", "warning", "Machine {asset} has too many requests waiting.",
       "Ask again when some are done.", (), 429),
    _C("HE4120", "inbox-full", "warning", "Too many commands have no outcome yet; this one was not taken.",
       "Send the same command again a little later.", (), 429),
    _C("HE4121", "wrong-machine", "warning", "Another machine stands there than this command is meant for; nothing was done.",
       "Look which machine it is now, and send a new command for that one.", (), 409),
    # access
    _C("HE5001", "unauthenticated", "warning", "This key is not known here.",
       "Make one with: hallctl key new", (), 401),
    _C("HE5002", "forbidden", "warning", "This key may not do that.",
       "Give it the scope, or use another key.", (), 403),
    _C("HE5003", "rate-limited", "warning", "Too many requests.", "Wait, then ask less often.", (), 429),
    _C("HE5004", "validation", "warning", "The request does not have the right form.",
       "The text names the first field that is wrong.", (), 422),
    _C("HE5005", "not-found", "notice", "There is nothing here.", "Check the address.", (), 404),
    _C("HE5006", "idempotency-reused", "warning", "This idempotency key stood for another request.",
       "Use a new key for a new request.", (), 422),
    # processes and clock
    _C("HE6000", "internal", "alarm", "Something went wrong inside.", "This is a bug of ours: send a bundle."),
    _C("HE6001", "field-away", "alarm", "The field does not answer; nothing moved.",
       "Ask again. If it stays: systemctl status hall-edge", ("link-down",), 503),
    _C("HE6002", "front-away", "warning", "The front does not run; machines are polled and stored all the same.",
       "systemctl status hall-edge-front"),
    _C("HE6003", "stale-mirror", "notice", "The live view missed a change and starts anew.", "Nothing."),
    _C("HE6004", "clock-untrusted", "alarm", "The clock of this box cannot be believed.",
       "Give it a time server: timedatectl", (), 503),
    _C("HE6005", "clock-stepped", "warning", "The clock jumped by {offset_ms} ms.",
       "Find out who set it; order and intervals are not affected."),
    _C("HE6006", "part-stuck", "alarm", "A part of the gateway has not moved: {parts}.",
       "Nothing: systemd starts it anew. If it comes again, send a bundle."),
    _C("HE6007", "unclean-stop", "warning", "The last stop was not clean; lines stay silent for some seconds first.",
       "Nothing. If it was no power cut, send a bundle."),
    _C("HE6010", "seam-error", "warning", "Field and front did not understand each other.",
       "If it comes again, restart both: systemctl restart hall-edge", (), 503),
    _C("HE6011", "bad-message", "warning", "A message between field and front was not understood.",
       "If it comes again, restart both: systemctl restart hall-edge", (), 503),
    _C("HE6012", "foreign-version", "alarm", "Field and front are of different versions.",
       "Restart both: systemctl restart hall-edge", (), 503),
    _C("HE6013", "socket-in-use", "alarm", "Another process listens on our socket.",
       "Stop it: only one of each may run on a box."),
    _C("HE6014", "cannot-listen", "alarm", "The socket or port cannot be opened.",
       "Look for another process on it: ss -ltnxp"),
    _C("HE6015", "second-field", "alarm", "A field runs on this box already.",
       "Stop it first: systemctl stop hall-edge"),
    _C("HE6009", "edge-error", "alarm", "Something went wrong inside.", "Send a bundle."),
)  # fmt: skip
"Every row by its slug."

BY_CODE: Mapping[str, Condition] = {row.code: row for row in CONDITIONS.values()}


def condition(slug: str) -> Condition:
    """The row of this slug; one that has none is a bug of ours and comes back as ``internal``."""
    return CONDITIONS.get(slug) or CONDITIONS["internal"]


def told(row: Condition, facts: Mapping[str, object]) -> tuple[str, str]:
    """Text and remedy with the facts put in; a fact that is not known is shown as a dash."""
    known = _Dashes(facts)
    return row.text.format_map(known), row.remedy.format_map(known)


class _Dashes(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "-"
