#!/bin/sh
# An agent of the storm in pure shell: the recipe of Agent_Memory/README.md, section 5, in a loop.
#   agent.sh TREE/INSTRUCTION AGENT NOTES WRITER END
# NOTES: where it writes down what it did; WRITER: its own name, new after each kill; END: it leaves when this is there.
I=$1 A=$2 NOTES=$3 WRITER=$4 END=$5
N=0

note() { # WHAT, further fields as JSON
    now=$(cut -d' ' -f1 /proc/uptime)
    printf '{"ns":%s0000000,"writer":"%s","what":"%s","agent":"%s","task":"%s"%s}\n' "$(echo "$now" | tr -d .)" \
        "$WRITER" "$1" "$A" "$T" "$2" >>"$NOTES"
}
publish() {
    cat >"${1%/*}/.${1##*/}.$WRITER.tmp" && mv "${1%/*}/.${1##*/}.$WRITER.tmp" "$1"
}
beat() {
    N=$((N + 1))
    publish "$I/heartbeats/${A}_$T.yaml" <<EOF
{agent_name: $A, task_id: $T, timestamp: "$(date -u +%FT%TZ)", attempt: $ATTEMPT, current_activity: $WRITER at $N}
EOF
}
hand_in() { # STATUS SHA
    M=$O/.manifest.yaml.$WRITER.tmp
    {
        printf 'task_id: %s\nsubagent: %s\nattempt: %s\nstatus: %s\n' "$T" "$A" "$ATTEMPT" "$1"
        printf 'artifacts:\n  - {path: %s, size_bytes: %s, checksum: "sha256:%s"}\n' "$D/result.txt" "$SIZE" "$2"
        printf 'acceptance_criteria_met:\n'
        printf '  - {criterion: the result can be  READ, met: true, evidence: "%s:line 1"}\n' "$D/result.txt"
    } >"$M"
    MINE=$(sha256sum <"$M" | cut -d' ' -f1)
    note will ",\"kind\":\"manifest\",\"attempt\":$ATTEMPT,\"status\":\"$1\",\"sha256\":\"$MINE\",\"path\":\"manifest.yaml\""
    mv "$M" "$O/manifest.yaml" &&
        note wrote ",\"kind\":\"manifest\",\"attempt\":$ATTEMPT,\"status\":\"$1\",\"sha256\":\"$MINE\",\"path\":\"manifest.yaml\""
}
work() {
    ATTEMPT=$(sed -n 's/^attempt: *//p' "$I/tasks/in_progress/$T.yaml") || return
    ATTEMPT=${ATTEMPT:-1}
    TAG=$(sed -n '/^tags:/{s/.*\[\(.*\)\].*/\1/p;n;s/^ *- //p;}' "$I/tasks/in_progress/$T.yaml")
    O=$I/outputs/partial/$T
    note claimed ",\"attempt\":$ATTEMPT"
    beat
    D=$WRITER-$N
    mkdir -p "$O/$D" || return
    sleep 0.2
    echo "$T by $WRITER, attempt $ATTEMPT" >"$O/$D/result.txt" || return
    SIZE=$(wc -c <"$O/$D/result.txt") || return
    SHA=$(sha256sum <"$O/$D/result.txt" | cut -d' ' -f1)
    note wrote ",\"kind\":\"artifact\",\"attempt\":$ATTEMPT,\"sha256\":\"$SHA\",\"path\":\"$D/result.txt\""
    case $TAG/$ATTEMPT in
    doomed/* | fails-first/1)
        hand_in failed "$SHA"
        return
        ;;
    wrong-first/*)
        hand_in completed 0000000000000000000000000000000000000000000000000000000000000000 || return
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            grep -qs "$MINE" "$O/verification.yaml" && break
            sleep 0.3
            test -e "$I/tasks/in_progress/$T.yaml" || test -e "$I/tasks/under_review/$T.yaml" || return
            beat
        done
        ;;
    esac
    hand_in completed "$SHA"
}

while [ ! -e "$END" ] && kill -0 "$PPID" 2>/dev/null; do
    for F in "$I/queues/agents/$A"/*.yaml; do
        T=${F##*/}
        T=${T%.yaml}
        case $T in queue | '*') continue ;; esac
        mv "$F" "$I/tasks/in_progress/" 2>/dev/null || continue
        if work 2>/dev/null; then note "done"; else note lost; fi
        [ -e "$END" ] && exit 0
    done
    sleep 0.2
done
