#!/usr/bin/env bash
# Make a Debian or Ubuntu machine ready: packages, data disk, environment. Then run COMMAND, if any.
# usage: cloud/setup.sh [COMMAND...]
#   GPU=0|1            overrules whether a GPU was found
#   DATA_DISK=/dev/... overrules which disk is the data disk; DATA_DISK=none: there is none
# What is done already is not done again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DATA=/data
PACKAGES=(ca-certificates e2fsprogs git make python3 python3-venv rsync)
# A machine that has just started may be at its own updates.
APT=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
UPDATED=

say() {
    printf 'clapboard: %s\n' "$@" >&2
}

as_root() {
    if ((EUID)); then sudo -n -- "$@"; else "$@"; fi
}

installed() {
    [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == "install ok installed" ]]
}

# Fetch the lists of packages, once.
update() {
    [[ -z $UPDATED ]] || return 0
    as_root "${APT[@]}" update
    UPDATED=1
}

need() {
    local package missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    update
    as_root "${APT[@]}" install -y --no-install-recommends "${missing[@]}"
}

in_range() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Ubuntu 22.04 calls 3.10 python3, and has 3.11 beside it.
install_python() {
    local version
    for version in "" 3.13 3.12 3.11; do
        if in_range "python3${version#3}"; then return; fi
    done
    update
    for version in 3.12 3.11 3.13; do
        if apt-cache show "python$version" >/dev/null 2>&1; then
            need "python$version" "python$version-venv"
            return
        fi
    done
    say "this system has no Python 3.11, 3.12 or 3.13" "Take Debian 12 or newer, Ubuntu 22.04 or newer" \
        "(22.04 with jammy-updates and universe among its sources)."
    exit 1
}

find_gpu() {
    if nvidia-smi -L >/dev/null 2>&1; then
        echo 1
        return
    fi
    if grep -qs 0x10de /sys/bus/pci/devices/*/vendor; then
        say "there is a GPU, but no driver for it: training will use the CPU" \
            "Take an image with NVIDIA drivers (docs/ec2.md)."
    fi
    echo 0
}

# Results and Snakemake's own files go to the data disk, unless there are some here already. Links to
# a disk that was lost since (an instance store, when the machine was stopped) lead to empty folders.
use_data_disk() {
    local name target status=3
    if [[ ${DATA_DISK-} != none ]]; then
        status=0
        as_root bash cloud/data_disk.sh "$DATA" ${DATA_DISK:+"$DATA_DISK"} || status=$?
        ((status == 0 || status == 3)) || exit "$status"
    fi
    for name in results .snakemake; do
        target=$DATA/clapboard/${name#.}
        if [[ -e $name ]]; then
            continue
        elif [[ -L $name ]]; then
            [[ $(readlink "$name") == "$target" ]] || continue
            say "$target is gone with its disk: $name begins anew"
        elif ((status == 0)); then
            ln -s "$target" "$name"
        else
            continue
        fi
        as_root install -d -o "$(id -u)" -g "$(id -g)" "$target"
    done
}

need "${PACKAGES[@]}"
install_python
use_data_disk
make env GPU="${GPU-$(find_gpu)}"
if (($#)); then exec "$@"; fi
