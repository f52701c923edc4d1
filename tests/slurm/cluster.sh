#!/usr/bin/env bash
# A real SLURM of one node on loopback: slurmctld, slurmd, slurmdbd on MariaDB, munge. No systemd, no
# cgroups. For root on a machine that is thrown away (a CI container): it installs Debian packages and
# writes /etc/slurm.
#
#   cluster.sh up       install what is missing, start what is not running, wait until a job can run
#   cluster.sh down     stop the daemons and remove the configuration; what they have stored stays
#   cluster.sh status   which daemons run; whether all do
#
# Exit status: 77 where such a cluster cannot be made (with the reason), 1 where it failed.
set -euo pipefail

STATE=/var/lib/wholepool-slurm
LOGS=/var/log/wholepool-slurm
MARK="# written by wholepool's tests/slurm/cluster.sh"
NODE=$(hostname -s)
MUNGE=/run/munge/munged.pid
DAEMONS=(slurmd slurmctld slurmdbd mariadbd)
# what the node pretends to have: more than a small machine, so that requests of real jobs fit
CPUS=16
MEMORY=200000
# slurmd wants a device for each GPU; nothing is confined to it
GPUS=(/dev/null /dev/zero /dev/full /dev/random)

say() { printf 'cluster.sh: %s\n' "$*" >&2; }
cannot() { say "$*"; exit 77; }
pidfile() { [ "$1" = munged ] && echo "$MUNGE" || echo "$STATE/$1.pid"; }
running() {
    local file pid
    file=$(pidfile "$1")
    pid=$(cat "$file" 2>/dev/null) && [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]
}
soon() { # soon COMMAND...: whether it succeeds within half a minute
    for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
    return 1
}
stopped() { ! running "$1"; }

down() {
    for daemon in "${DAEMONS[@]}" munged; do
        if running "$daemon"; then
            kill "$(cat "$(pidfile "$daemon")")"
            soon stopped "$daemon" || say "$daemon does not stop"
        fi
    done
    # with it SLURM's commands, which Snakemake asks at each start, would wait for a controller
    grep -lsF "$MARK" /etc/slurm/*.conf | xargs --no-run-if-empty rm
}

status() {
    local all=0
    for daemon in "${DAEMONS[@]}" munged; do
        if running "$daemon"; then say "$daemon runs"; else say "$daemon does not run"; all=1; fi
    done
    return $all
}

install_packages() {
    command -v slurmctld slurmd slurmdbd munged mariadbd sbatch >/dev/null && return
    command -v apt-get >/dev/null || cannot "SLURM is not installed, and without apt-get it is not installed here"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends \
        slurmctld slurmd slurm-client slurmdbd mariadb-server munge >/dev/null ||
        cannot "SLURM's packages cannot be installed"
}

write() { # write FILE MODE: standard input, which starts with MARK
    install -D -m "$2" /dev/stdin "$1"
}

configure() {
    local device
    getent hosts "$NODE" >/dev/null || printf '127.0.0.1 %s\n' "$NODE" >>/etc/hosts
    install -d -m 0755 "$STATE" "$STATE/controller" "$STATE/node" "$LOGS"
    install -d -o mysql -g mysql "$STATE/database"
    install -d -o munge -g munge -m 0755 /run/munge
    install -d -o munge -g munge -m 0700 /etc/munge /var/log/munge
    install -d -o munge -g munge -m 0711 /var/lib/munge
    [ -s /etc/munge/munge.key ] ||
        head -c 1024 /dev/urandom | install -o munge -g munge -m 0600 /dev/stdin /etc/munge/munge.key
    write /etc/slurm/slurmdbd.conf 0600 <<CONF
$MARK
AuthType=auth/munge
DbdHost=$NODE
DbdAddr=127.0.0.1
SlurmUser=root
LogFile=$LOGS/slurmdbd.log
PidFile=$STATE/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
CONF
    {
        echo "$MARK"
        for device in "${GPUS[@]}"; do
            echo "NodeName=$NODE Name=gpu Type=fake File=$device"
        done
    } | write /etc/slurm/gres.conf 0644
    write /etc/slurm/slurm.conf 0644 <<CONF
$MARK
ClusterName=loopback
SlurmctldHost=$NODE(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$STATE/controller
SlurmdSpoolDir=$STATE/node
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdLogFile=$LOGS/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStorageEnforce=associations,limits
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
PriorityType=priority/multifactor
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
# jobs of seconds must not wait seconds for their start
SchedulerParameters=batch_sched_delay=0,sched_min_interval=20000,sched_interval=2,bf_interval=5
# a busy machine that answers late is not a dead node
SlurmdTimeout=0
MessageTimeout=60
ReturnToService=2
KillWait=10
MailProg=/bin/true
MpiDefault=none
GresTypes=gpu
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY Gres=gpu:fake:${#GPUS[@]} State=UNKNOWN
PartitionName=main Nodes=$NODE Default=YES MaxTime=INFINITE State=UP
CONF
}

start_mariadbd() {
    local socket=$STATE/database/mysqld.sock
    [ -d "$STATE/database/mysql" ] || mariadb-install-db --user=mysql --datadir="$STATE/database" \
        --auth-root-authentication-method=normal --skip-test-db >/dev/null 2>&1
    setsid mariadbd --no-defaults --user=mysql --datadir="$STATE/database" --socket="$socket" \
        --skip-networking --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 \
        >"$LOGS/mariadbd.log" 2>&1 </dev/null &
    echo $! >"$STATE/mariadbd.pid"
    soon mariadb -S "$socket" -e 'select 1'
    mariadb -S "$socket" -e "create database if not exists slurm;
        create user if not exists slurm@localhost identified by 'slurm';
        grant all on slurm.* to slurm@localhost;"
    install -d -o mysql -g mysql /run/mysqld
    ln -sfn "$socket" /run/mysqld/mysqld.sock # where slurmdbd's client library looks
}

start_munged() {
    rm -f /run/munge/munge.socket.2*
    setpriv --reuid=munge --regid=munge --clear-groups munged
}

start_slurmdbd() {
    slurmdbd
    soon sacctmgr --noheader show cluster
    sacctmgr --immediate add cluster loopback >/dev/null || true
    sacctmgr --immediate add account tests Description=tests Organization=tests >/dev/null || true
    sacctmgr --immediate add user root Account=tests >/dev/null || true
}

start_slurmctld() { slurmctld; soon scontrol ping; }
start_slurmd() { slurmd; }

node_ready() {
    case $(sinfo --noheader --Node --format %T) in
        idle | mixed | allocated) return 0 ;;
        down* | drain*) scontrol update nodename="$NODE" state=resume || true ;;
    esac
    return 1
}

up() {
    [ "$(id -u)" = 0 ] || cannot "only root can start SLURM's daemons"
    if [ -e /etc/slurm/slurm.conf ] && ! grep -qF "$MARK" /etc/slurm/slurm.conf; then
        cannot "/etc/slurm/slurm.conf is another cluster's"
    fi
    install_packages
    export PATH=$PATH:/usr/sbin
    configure
    for daemon in munged mariadbd slurmdbd slurmctld slurmd; do
        running "$daemon" || "start_$daemon"
    done
    soon node_ready || { say "no node is ready, see $LOGS"; tail -n 5 "$LOGS"/*.log >&2; exit 1; }
}

case ${1:-} in
    up | down | status) "$1" ;;
    *) say "usage: cluster.sh up|down|status"; exit 2 ;;
esac
