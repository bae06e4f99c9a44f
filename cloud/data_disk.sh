#!/usr/bin/env bash
# Mount the data disk at FOLDER. Only a blank disk gets a file system; any other is left as it is.
# usage: cloud/data_disk.sh FOLDER [DEVICE]     as root
# Status 3: there is none, or it is not clear, or FOLDER is in use; with DEVICE that is status 1.
# A file system labelled clapboard is the data disk. Else it is the one blank disk of the machine, or
# DEVICE. Blank: whole, with no partition, no mark of any file system, RAID, LVM, swap or encryption,
# in use by nothing, and nothing but zeros at its beginning and end.
set -euo pipefail
export LC_ALL=C

LABEL=clapboard
EDGE=$((4 * 1024 * 1024))

say() {
    printf 'clapboard: %s\n' "$@" >&2
}

# Why a disk is not blank; nothing when it is.
unfit() {
    local size
    [[ -b $1 ]] || { echo "it is no disk"; return; }
    [[ $(lsblk -dnro RO "$1") == 0 ]] || { echo "it is read-only"; return; }
    [[ $(lsblk -nro NAME "$1" | wc -l) == 1 ]] || { echo "it has partitions, or something uses it"; return; }
    [[ -z $(lsblk -dnro MOUNTPOINT "$1") ]] || { echo "it is mounted"; return; }
    # 2: nothing found. 8, several marks, is as good as one.
    local found=0
    blkid -p "$1" >/dev/null 2>&1 || found=$?
    ((found == 2)) || { echo "it has a file system or another mark"; return; }
    [[ -z $(wipefs --noheadings "$1" 2>&1) ]] || { echo "it has a mark of something"; return; }
    size=$(blockdev --getsize64 "$1")
    ((size > 2 * EDGE)) || { echo "it is too small"; return; }
    cmp -s -n "$EDGE" "$1" /dev/zero && cmp -s -n "$EDGE" -i "$((size - EDGE)):0" "$1" /dev/zero ||
        echo "something is written on it"
}

find_labelled() {
    blkid -c /dev/null -o device -t "LABEL=$LABEL" || true
}

find_blank() {
    local device kind
    while read -r device kind; do
        if [[ $kind == disk && -z $(unfit "$device") ]]; then echo "$device"; fi
    done < <(lsblk -dpnro NAME,TYPE)
}

choose() {
    local found reason
    mapfile -t found < <(find_labelled)
    if ((${#found[@]} > 1)); then
        say "several disks are labelled $LABEL: ${found[*]}"
        exit 1
    fi
    if ((${#found[@]} == 1)); then
        if [[ -n ${1-} && ! $1 -ef ${found[0]} ]]; then
            say "the disk labelled $LABEL is ${found[0]}, not $1"
            exit 1
        fi
        echo "${found[0]}"
        return
    fi
    if [[ -n ${1-} ]]; then
        reason=$(unfit "$1")
        if [[ -n $reason ]]; then
            say "$1 is left alone: $reason" "To use it as it is, give its file system the label $LABEL."
            exit 1
        fi
        found=("$1")
    else
        mapfile -t found < <(find_blank)
    fi
    if ((${#found[@]} != 1)); then
        ((${#found[@]} == 0)) || say "several disks are blank: ${found[*]}" \
            "None is used. Choose one: DATA_DISK=${found[0]} cloud/setup.sh"
        exit 3
    fi
    echo "${found[0]}"
}

# Go on without a data disk, if nobody has chosen one.
leave() {
    say "$@"
    [[ -z $chosen ]] || exit 1
    exit 3
}

[[ ${1-} =~ ^/[A-Za-z0-9._/-]+$ ]] || { say "usage: cloud/data_disk.sh FOLDER [DEVICE]"; exit 2; }
folder=$1
chosen=${2-}
if mountpoint -q "$folder"; then
    [[ $(findmnt -nro LABEL "$folder") != "$LABEL" ]] || exit 0
    leave "something else is mounted at $folder, and stays there: no data disk is used"
fi
device=$(choose "$chosen")
# Empty folders are what setup.sh makes there without a disk.
if [[ -e $folder && -n $(find "$folder" -mindepth 1 ! -type d -print -quit) ]]; then
    leave "$folder is not empty, and $device there would hide what is in it: no data disk is used" \
        "To use it, move what is in $folder elsewhere."
fi
if [[ -z $(unfit "$device") ]]; then
    say "making a file system on $device, which is blank"
    mkfs.ext4 -q -L "$LABEL" -m 0 "$device" >&2
fi
mkdir -p "$folder"
line="LABEL=$LABEL $folder ext4 defaults,nofail,x-systemd.device-timeout=10s 0 2"
# nofail: a machine whose data disk is gone still starts.
grep -qxF "$line" /etc/fstab 2>/dev/null || echo "$line" >>/etc/fstab
mount -t ext4 "$device" "$folder"
say "the data disk is at $folder ($(df -h --output=size "$folder" | tail -1 | tr -d ' '))"
