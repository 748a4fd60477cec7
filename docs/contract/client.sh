#!/bin/sh
# A whole central in a shell: pulls the log page by page, proves chain and freedom from gaps, stores one event a line,
# acknowledges, and goes on from its own files after any interruption. Written from README.md beside it and docs/chain.md;
# needs curl, jq, and the coreutils (sha256sum).
#
#   client.sh URL CONSUMER KEY_FILE DIRECTORY [WAIT_S]
#
# WAIT_S 0 (or left out): ends when there is nothing more. 1 to 60: a long poll, for ever.
# DIRECTORY: records (one event a line, as stored by the gateway), state (how far we are), findings (for a person).
# Exit codes: 0 all is here, 1 wrong use or not let in, 3 stop and call a person; nothing was acknowledged then.
set -eu
export LC_ALL=C

[ $# -ge 4 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 1; }
url=$1 consumer=$2 key=$(cat "$3") directory=$4 wait_s=${5:-0}
limit=${LIMIT:-500}
mkdir -p "$directory"
cd "$directory"
touch records findings

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$2"
    exit "$1"
}

# For a person: one JSON object a line.
finding() {
    jq -cn --arg what "$1" --arg text "$2" --arg at "$(date -u +%FT%TZ)" '{$at, $what, $text}' >>findings
    sync findings
    say "$1: $2"
}

# --- asking -------------------------------------------------------------------------------------------------------

# ask ACCEPT PATH [FILE]: GET, or POST with FILE as the body. Sets status (000: no whole answer) and slug.
ask() {
    # The key goes in by stdin: arguments are there for all to see.
    status=$(printf 'header = "Authorization: Bearer %s"\n' "$key" | curl -K - -sS --compressed -m $((wait_s + 20)) \
        -D head -o answer -w '%{http_code}' -H "Accept: $1" -H 'Content-Type: application/json' \
        ${3:+--data-binary "@$3"} "$url$2") || status=000
    slug=
    [ "$status" = 200 ] || slug=$(jq -r '.type // "" | split(":") | last' answer 2>/dev/null) || slug=
}

header() { sed -n "s/^$1: *\(.*[^ ]\) *\r\$/\1/Ip" head | tail -n 1; }

pause=1
again_later() {
    after=$(header Retry-After)
    case $after in '' | *[!0-9]*) after=0 ;; esac
    [ "$after" -gt "$pause" ] || after=$pause
    say "$status $slug: again in $after s"
    sleep "$after"
    pause=$((pause < 30 ? pause * 2 : 30))
}

# --- the chain ----------------------------------------------------------------------------------------------------

sha256() { sha256sum | cut -c1-64; }
chain_start() { printf 'hall-edge log v1\n%s' "$1" | sha256; }

# chain_next HASH SEQUENCE BODY: 32 bytes, 8 bytes, and the body as it came. The printf of the shell may not know \x.
chain_next() {
    { /usr/bin/printf "$(printf '%s%016x' "$1" "$2" | sed 's/../\\x&/g')"; printf '%s' "$3"; } | sha256
}

# --- how far we are -----------------------------------------------------------------------------------------------
# stream, number, hash: the last record that is stored. hash empty: what was before is gone; anchor is the hash of the next.

save() {
    jq -cn --arg streamid "$stream" --argjson sequence "$number" --arg sha256 "$hash" --arg anchor "$anchor" \
        --argjson epoch "$epoch" --argjson bytes "$(wc -c <records)" \
        '{cursor: {$streamid, $sequence, $sha256}, $anchor, $epoch, $bytes}' >state.new
    sync state.new
    mv state.new state
    sync .
}

load() {
    stream='' number=0 hash='' anchor='' epoch=0 owed=no bytes=0
    if [ -s state ]; then
        read -r stream number hash anchor epoch bytes <<END
$(jq -r '"\(.cursor.streamid) \(.cursor.sequence) \(.cursor.sha256 | if . == "" then "-" else . end) \(
    .anchor | if . == "" then "-" else . end) \(.epoch) \(.bytes)"' state)
END
        [ "$hash" != - ] || hash=
        [ "$anchor" != - ] || anchor=
        # After an interruption nobody knows whether the last acknowledgement arrived: it is said once more.
        [ -z "$hash" ] || [ "$number" = 0 ] || owed=yes
    fi
    # What was appended after the state was saved is a page that was not finished: it comes again.
    [ "$(wc -c <records)" -ge "$bytes" ] || stop 3 "records is shorter than state says: it was changed. Call a person."
    truncate -s "$bytes" records
}

# begin_at CURSOR: a cursor that names the oldest record there is; we stand before it.
begin_at() {
    stream=$(printf '%s' "$1" | jq -r .streamid) number=$(printf '%s' "$1" | jq -r .sequence)
    anchor=$(printf '%s' "$1" | jq -r .sha256) hash=
    if [ "$number" -le 1 ]; then
        number=0 hash=$(chain_start "$stream") anchor=
    else
        number=$((number - 1))
    fi
}

# --- what the gateway refuses -------------------------------------------------------------------------------------

refused() {
    text=$(jq -r '"\(.detail // .title) \(.fix // "")"' answer 2>/dev/null) || text=
    case "$status $slug" in
    000* | 429* | 502* | 503* | 504*) again_later ;;
    '409 epoch-changed')
        # Our stream is not there, or ended before what we hold. All we have is kept; the log goes on in a later epoch.
        finding epoch-changed "held $stream up to $number; $(jq -c .epochs answer)"
        following=$(jq -r --argjson ours "$epoch" \
            '[.epochs[] | select(.epoch > $ours)] | min_by(.epoch) // empty | "\(.streamid)"' answer)
        [ -n "$following" ] || stop 3 "There is no later epoch than ours: another gateway? Call a person."
        stream=$following number=0 hash=$(chain_start "$following") anchor='' owed=no
        save
        ;;
    '410 cursor-expired')
        oldest=$(jq -c '.oldest // empty' answer)
        [ -n "$oldest" ] || stop 3 "What follows is gone, and nothing is there yet: $text"
        finding gap "what follows $stream $number was deleted before we had it; it goes on at $oldest"
        begin_at "$oldest"
        owed=no
        save
        ;;
    '416 ack-beyond-head')
        # It may have lost its tail, and learns that only from us: we say once more what we hold; then 409 and a new epoch.
        finding "$slug" "$text"
        [ "$claims" -lt 3 ] || stop 3 "$status $slug: stop and call a person. $text"
        claims=$((claims + 1)) owed=yes
        sleep 1
        ;;
    401* | 403* | 404* | 422*) stop 1 "$status $slug: $text" ;;
    *)
        # chain-mismatch, and what nobody has thought of.
        finding "${slug:-$status}" "$text"
        stop 3 "$status $slug: stop and call a person. $text"
        ;;
    esac
}

# --- one page -----------------------------------------------------------------------------------------------------

# Follows the chain through the page in answer; sets came_*, and wrong to what does not hold.
look_through() {
    came_stream=$stream came_number=$number came_hash=$hash came_epoch=$epoch count=0 wrong=
    jq -r '"\(.streamid) \(.sequence | tonumber) \(.epoch)"' answer >names 2>/dev/null || { wrong='not JSON'; return; }
    exec 3<answer 4<names
    while IFS= read -r line <&3; do
        read -r its_stream its_number its_epoch <&4 || { wrong='lines and events differ'; break; }
        if [ "$its_stream" != "$came_stream" ]; then
            # The next epoch begins with record 1, at the head of a page.
            [ $count = 0 ] || { wrong="$its_stream within a page of $came_stream"; break; }
            came_stream=$its_stream came_number=0 came_hash=$(chain_start "$its_stream")
        fi
        [ "$its_number" = $((came_number + 1)) ] || { wrong="$its_number follows $came_number"; break; }
        if [ -n "$came_hash" ]; then
            came_hash=$(chain_next "$came_hash" "$its_number" "$line")
        else
            came_hash=$anchor
        fi
        came_number=$its_number came_epoch=$its_epoch count=$((count + 1))
    done
    exec 3<&- 4<&-
    [ -z "$wrong" ] || return 0
    [ $count = "$(wc -l <names)" ] || { wrong='lines and events differ'; return; }
    [ $count = 0 ] && return
    claim=$(header Hall-Edge-Next | jq -r '"\(.streamid) \(.sequence) \(.sha256)"' 2>/dev/null) || claim=
    [ "$claim" = "$came_stream $came_number $came_hash" ] || wrong="the chain does not hold at record $came_number"
}

damaged=0 claims=0
take() {
    look_through
    if [ -n "$wrong" ]; then
        # Damage on the way passes; damage at its source does not.
        damaged=$((damaged + 1))
        say "page refused, nothing of it is stored: $wrong"
        [ $damaged -lt 3 ] || { finding chain-mismatch "$wrong"; stop 3 "Three times in a row. Call a person."; }
        return
    fi
    damaged=0 pause=1
    if [ $count = 0 ]; then
        [ "$wait_s" != 0 ] || { say "all is here: $stream $number"; exit 0; }
        return
    fi
    # First the records, then where we are, and only what is on disk is acknowledged.
    cat answer >>records
    sync records
    stream=$came_stream number=$came_number hash=$came_hash epoch=$came_epoch anchor=''
    save
    owed=yes
}

# --- all of it ----------------------------------------------------------------------------------------------------

load
while :; do
    if [ -z "$stream" ]; then
        ask application/json "/api/v1/events?consumer=$consumer&after=oldest&limit=1"
        if [ "$status" = 200 ]; then begin_at "$(jq -c .oldest answer)"; else refused; fi
    elif [ $owed = yes ]; then
        jq -c .cursor state >said
        ask application/json "/api/v1/consumers/$consumer/ack" said
        if [ "$status" = 200 ]; then
            owed=no
        elif [ "$status $slug" = '410 cursor-expired' ]; then
            # Deleted there before it was confirmed, and we hold it: the next confirmation covers it.
            owed=no
        else
            refused
        fi
    else
        ask application/x-ndjson \
            "/api/v1/events?consumer=$consumer&streamid=$stream&after=$number&limit=$limit&wait=$wait_s"
        if [ "$status" = 200 ]; then take; else refused; fi
    fi
done
