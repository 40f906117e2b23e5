# From here on the script is the same for every plan.

export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

die() {
    echo "hmark plan $NAME: $1" >&2
    exit 2
}

# The lines of the first text that the second has not.
without() {
    printf '%s\n' "$1" | grep -vxF -e "$2" | grep . || :
}

rules_of() {
    case $1 in 4) echo "$RULES4" ;; 6) echo "$RULES6" ;; esac
}

routes_of() {
    case $1 in 4) echo "$ROUTES4" ;; 6) echo "$ROUTES6" ;; esac
}

chains_of() {
    case $1 in 4) echo "$CHAINS4" ;; 6) echo "$CHAINS6" ;; esac
}

tables_of() {
    case $1 in 4) echo iptables ;; 6) echo ip6tables ;; esac
}

# What the host has of the plan, in the words in which the plan is above.
rules_now() {
    ip -N "-$1" rule show | sed -n "s/ *\[[^]]*\]//; s/ proto $PROTOCOL *\$//p"
}

routes_now() {
    ip -N "-$1" route show table all proto "$PROTOCOL" 2> /dev/null | awk '{
        nexthop = ""
        table = 254
        for (i = 2; i < NF; i++) {
            if ($i == "nhid") nexthop = " nhid " $(i + 1)
            if ($i == "table") table = $(i + 1)
        }
        if ($1 != "nexthop") print $1 nexthop, "table", table
    }'
}

nexthops_now() {
    ip -N nexthop show proto "$PROTOCOL" | sed 's/ scope [^ ]*//; s/ proto .*//'
}

# The chains, rules and jumps of the plan; $2 is what trial chains have at the end of their names.
chains_now() {
    "$(tables_of "$1")-save" -t mangle 2> /dev/null |
        grep -E "^-A $CHAIN(-out)?$2 |^-A [^ ]+ -j $CHAIN(-out)?$2( |\$)" |
        sed "s/^-A \($CHAIN\(-out\)\{0,1\}\)$2 /-A \1 /" || :
}

has_chain() {
    "$(tables_of "$1")-save" -t mangle 2> /dev/null | grep -q "^:$2 "
}

# Feeds ip with commands; $1 is -4, -6 or, for nexthops, nothing.
batch() {
    [ -z "$2" ] || printf '%s\n' "$2" | ip $1 -batch -
}

added() {
    [ -z "$1" ] || printf '%s\n' "$1" | sed "s/:	/ /; s/^/rule add pref /; s/\$/ proto $PROTOCOL/"
}

deleted() {
    [ -z "$1" ] || printf '%s\n' "$1" | sed "s/:	/ /; s/^/rule del pref /; s/\$/ proto $PROTOCOL/"
}

# The first chain of plans of other names, if there is none of this one.
other_chain() {
    all=$("$(tables_of "$1")-save" -t mangle 2> /dev/null | sed -n 's/^:\(HMARK-[^ ]*\) .*/\1/p')
    printf '%s\n' "$all" | grep -qx -e "$CHAIN" -e "$CHAIN-out" || printf '%s\n' "$all" | head -n 1
}

# Leaves out what leads to a device that is down, since the kernel takes no such nexthop: packets of its marks
# go by the rules that follow.
leave_out() {
    down=
    for device in $DEVICES; do
        [ -n "$(ip link show dev "$device" up)" ] || down="$down $device"
    done
    [ -z "$down" ] || [ "$down" != " $DEVICES" ] || die "no device of a gateway is up"
    for device in $down; do
        echo "hmark plan $NAME: the device $device is down, and its gateways are left out: run this again when it is up" >&2
        for id in $(printf '%s\n' "$NEXTHOPS" | sed -n "s/^id \([^ ]*\) .* dev $device\( .*\)\{0,1\}\$/\1/p"); do
            NEXTHOPS=$(printf '%s\n' "$NEXTHOPS" | grep -v "^id $id " || :)
            ROUTES4=$(printf '%s\n' "$ROUTES4" | grep -v " nhid $id " || :)
            ROUTES6=$(printf '%s\n' "$ROUTES6" | grep -v " nhid $id " || :)
        done
    done
}

# Whatever can be seen to go wrong is seen before anything is changed.
check() {
    [ "$(id -u)" = 0 ] || die "run this as root"
    for program in ip awk sed grep sysctl; do
        command -v $program > /dev/null || die "there is no program $program"
    done
    ip nexthop show > /dev/null 2>&1 ||
        die "ip or the kernel is too old for nexthop objects (iproute2 5.3 and Linux 5.3 have them)"
    ip -N rule show > /dev/null 2>&1 || die "ip is too old for ip -N (iproute2 5.2 has it)"
    for device in $DEVICES; do
        ip link show dev "$device" > /dev/null 2>&1 || die "there is no device $device"
    done
    [ -z "$(nexthops_now; rules_now 4; rules_now 6)" ] || {
        other=$({ other_chain 4; other_chain 6; } | head -n 1)
        [ -z "$other" ] || die "protocol $PROTOCOL is that of the plan with the chain $other: give protocol, offset, table and preference other numbers; or, if it is this one and had another name, rename its chains (iptables -t mangle -E)"
    }
    for family in 4 6; do
        taken=$(ip -N -$family rule show | grep -v " proto $PROTOCOL *\$" |
            awk -F: -v first="$FIRST_RULE" -v last="$LAST_RULE" '$1 >= first && $1 <= last' | head -n 1)
        [ -z "$taken" ] || die "a preference is taken, by a rule that is not of the plan: delete it, or give preference another number: $taken"
        taken=$(ip -N -$family route show table all 2> /dev/null | grep -v " proto $PROTOCOL " |
            awk -v first="$FIRST_TABLE" -v last="$LAST_TABLE" '{
                for (i = 2; i < NF; i++)
                    if ($i == "table" && $(i + 1) >= first && $(i + 1) <= last) print
            }' | head -n 1)
        [ -z "$taken" ] || die "a table is taken, by a route that is not of the plan: delete it, or give table another number: $taken"
    done
    ids=$(printf '%s\n' "$NEXTHOPS" | awk '{ print $2 }')
    taken=$(ip -N nexthop show | grep -v " proto $PROTOCOL " |
        awk -v ids="$ids" 'BEGIN { n = split(ids, all); for (i = 1; i <= n; i++) own[all[i]] = 1 } own[$2]' |
        head -n 1)
    [ -z "$taken" ] || die "a nexthop is taken by one that is not of the plan: delete it, or give table another number: $taken"
    for family in $FAMILIES; do
        tables=$(tables_of "$family")
        for program in "$tables-save" "$tables-restore"; do
            command -v "$program" > /dev/null || die "there is no program $program"
        done
        # A chain that something else leads to cannot be removed.
        [ -n "$(chains_of "$family")" ] || {
            other=$("$tables-save" -t mangle | grep -E "^-A .* -[jg] $CHAIN(-out)?( |\$)" |
                grep -vx -e "-A PREROUTING -j $CHAIN" -e "-A OUTPUT -j $CHAIN-out" | head -n 1)
            [ -z "$other" ] || die "a rule of $tables that is not of the plan leads to its chain: $other"
        }
    done
    for family in 4 6; do
        try_chains $family
    done
}

# Loads the rules into chains that nothing jumps to: kernel and iptables take them, or refuse them here.
try_chains() {
    trial=
    wanted=$(chains_of "$1")
    [ -n "$wanted" ] || return 0
    names=$(printf '%s\n' "$wanted" | awk '$2 ~ /^HMARK-/ { print $2 }' | sort -u)
    text=$(printf '%s\n' "$wanted" | sed -n 's/^-A \(HMARK-[^ ]*\) /-A \1.new /p')
    loaded=$({
        echo '*mangle'
        printf ':%s.new - [0:0]\n' $names
        printf '%s\n' "$text" COMMIT
    } | "$(tables_of "$1")-restore" -w --noflush 2>&1) ||
        die "$(tables_of "$1") or the kernel refuses the rules: $(printf '%s\n' "$loaded" | head -n 1)"
    trial=$(chains_now "$1" .new)
    {
        echo '*mangle'
        printf ':%s.new - [0:0]\n' $names
        printf -- '-X %s.new\n' $names
        echo COMMIT
    } | "$(tables_of "$1")-restore" -w --noflush
    # The jumps are not tried.
    trial=$(printf '%s\n' "$trial"; printf '%s\n' "$wanted" | grep -E '^-A (PREROUTING|OUTPUT) ')
    case $1 in 4) TRIAL4=$trial ;; 6) TRIAL6=$trial ;; esac
}

# The rules of the plan's chains, chain by chain: the order of rules counts, that of chains does not.
by_chain() {
    printf '%s\n' "$1" | grep '^-A HMARK-' | sort -s -k 2,2
}

# Writes the chains of a family at once, if they are not as they should be.
apply_chains() {
    wanted=$(chains_of "$1")
    case $1 in 4) trial=$TRIAL4 ;; 6) trial=$TRIAL6 ;; esac
    now=$(chains_now "$1" '')
    if [ "$(printf '%s\n' "$now" | sort)" = "$(printf '%s\n' "$trial" | sort)" ] &&
        [ "$(by_chain "$now")" = "$(by_chain "$trial")" ]
    then
        return 0
    fi
    {
        echo '*mangle'
        for hook in PREROUTING OUTPUT; do
            chain=$CHAIN
            [ $hook = PREROUTING ] || chain=$CHAIN-out
            jumps=$(printf '%s\n' "$now" | grep -cx -e "-A $hook -j $chain" || :)
            if printf '%s\n' "$wanted" | grep -q "^-A $chain "; then
                printf ':%s - [0:0]\n' "$chain"
                printf '%s\n' "$wanted" | grep "^-A $chain "
                [ "$jumps" != 0 ] || printf -- '-A %s -j %s\n' $hook "$chain"
                keep=1
            else
                keep=0
            fi
            while [ "$jumps" -gt $keep ]; do
                printf -- '-D %s -j %s\n' $hook "$chain"
                jumps=$((jumps - 1))
            done
            if [ $keep = 0 ] && has_chain "$1" "$chain"; then
                printf ':%s - [0:0]\n-X %s\n' "$chain" "$chain"
            fi
        done
        echo COMMIT
    } | "$(tables_of "$1")-restore" -w --noflush
    changed "$(tables_of "$1")"
}

# Remembers that something was changed.
changed() {
    case "$CHANGED," in
    *", $1,"*) ;;
    *) CHANGED="$CHANGED, $1" ;;
    esac
}

# Makes the host have what is above. Leaves come before marks, and go after them; while a goto is missing,
# a packet meets more rules, and takes its own.
apply() {
    CHANGED=
    now=$(nexthops_now)
    new=$(without "$NEXTHOPS" "$now")
    gone=$(without "$(printf '%s\n' "$now" | sed 's/^id \([^ ]*\) .*/\1/')" \
        "$(printf '%s\n' "$NEXTHOPS" | sed 's/^id \([^ ]*\) .*/\1/')")
    batch '' "$(printf '%s\n' "$new" | sed -n "s/^id/nexthop replace id/; s/\$/ proto $PROTOCOL/; /^nexthop/p")"
    [ -z "$new$gone" ] || changed nexthops
    for family in 4 6; do
        now=$(routes_now $family)
        new=$(without "$(routes_of $family)" "$now")
        batch -$family "$(printf '%s\n' "$new" |
            sed -n "s/^/route replace /; s/\$/ proto $PROTOCOL/; /nhid/p")"
        [ -z "$new" ] || changed "IPv$family routes"
        now=$(rules_now $family)
        new=$(without "$(rules_of $family)" "$now")
        gone=$(without "$now" "$(rules_of $family)")
        batch -$family "$(deleted "$(printf '%s\n' "$gone" | grep -E ' (goto|nop)' || :)")"
        batch -$family "$(added "$(printf '%s\n' "$new" | grep ' lookup ' || :)")"
        [ -z "$new$gone" ] || changed "IPv$family rules"
    done
    for setting in $SYSCTLS; do
        [ "$(sysctl -n "${setting%%=*}")" = "${setting#*=}" ] || {
            sysctl -q -w "$setting"
            changed "${setting%%=*}"
        }
    done
    for family in 4 6; do
        apply_chains $family
    done
    for family in 4 6; do
        now=$(rules_now $family)
        new=$(without "$(rules_of $family)" "$now")
        gone=$(without "$now" "$(rules_of $family)")
        batch -$family "$(deleted "$gone")"
        batch -$family "$(added "$(printf '%s\n' "$new" | grep ' nop' || :)")"
        batch -$family "$(added "$(printf '%s\n' "$new" | grep ' goto ' || :)")"
        gone=$(without "$(routes_now $family)" "$(routes_of $family)")
        [ -z "$gone" ] || changed "IPv$family routes"
        batch -$family "$(printf '%s\n' "$gone" |
            sed -n "s/^/route del /; s/\$/ proto $PROTOCOL/; / table /p")"
    done
    gone=$(without "$(nexthops_now | sed 's/^id \([^ ]*\) .*/\1/')" \
        "$(printf '%s\n' "$NEXTHOPS" | sed 's/^id \([^ ]*\) .*/\1/')")
    batch '' "$(printf '%s\n' "$gone" | sed -n 's/^\([0-9]\)/nexthop del id \1/p')"
}

take_back() {
    NEXTHOPS= ROUTES4= ROUTES6= RULES4= RULES6= CHAINS4= CHAINS6= TRIAL4= TRIAL6= SYSCTLS=
    apply
}

TRIAL4= TRIAL6=
check
leave_out
fresh=$(nexthops_now; rules_now 4; rules_now 6; chains_now 4 ''; chains_now 6 '')
stopped() {
    trap - EXIT
    [ -n "$fresh" ] || { take_back 2> /dev/null && die "it failed, and was taken back"; }
    die "it stopped half way: run it again, or take it back by hmark plan --remove"
}
trap stopped EXIT
apply
trap - EXIT
case $CHANGED in
'') echo "hmark plan $NAME: nothing to change" ;;
*) echo "hmark plan $NAME: changed ${CHANGED#, }" ;;
esac
