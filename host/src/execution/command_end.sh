# Processes are written PID:PARENT:TERMINAL:START.
processes() {
  all=
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    [ "$pid" = $$ ] && continue
    read -r stat <"$folder/stat" || continue
    set -- ${stat##*) }
    [ "$1" = Z ] && continue
    all="$all $pid:$2:$5:${20}"
  done
}

# The process that the engine started: of those without a parent, the one in this place.
root() {
  rootless=
  for process in $all; do
    case $process in
      1:*) ;;
      *:0:*:*) rootless="$rootless ${process%%:*}:${process##*:}" ;;
    esac
  done
  set -- "$1" "$2" $rootless
  place=$1
  [ $(($# - 2)) = "$2" ] || return
  for one in $rootless; do
    before=0
    for other in $rootless; do
      [ "${other#*:}" -lt "${one#*:}" ] && before=$((before + 1))
      [ "${other#*:}" = "${one#*:}" ] && [ "${other%:*}" -lt "${one%:*}" ] && before=$((before + 1))
    done
    [ "$before" = "$place" ] && known="$known ${one%:*}"
  done
}

marked() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$mark"*) return 0 ;; esac
  done <"/proc/$1/environ"
  return 1
}

# Whether a process writes to one of the pipes of a known one.
writes_along() {
  for one in $first; do
    for output in 1 2; do
      [ -p "/proc/$one/fd/$output" ] || continue
      [ "/proc/$1/fd/1" -ef "/proc/$one/fd/$output" ] && return 0
      [ "/proc/$1/fd/2" -ef "/proc/$one/fd/$output" ] && return 0
    done
  done
  return 1
}

# Adds to the known processes all that belong to them, until there are no more.
members() {
  first=$known
  grown=1
  while [ -n "$grown" ]; do
    grown=
    processes
    for process in $all; do
      pid=${process%%:*}
      parent=${process#*:}
      parent=${parent%%:*}
      case " $known " in *" $pid "*) continue ;; esac
      case " $known " in
        *" $parent "*) ;;
        *) marked "$pid" || writes_along "$pid" || continue ;;
      esac
      known="$known $pid"
      grown=1
    done
  done
  alive=
  for process in $all; do
    pid=${process%%:*}
    terminal=${process%:*}
    terminal=${terminal##*:}
    [ -n "$hangs_up" ] && [ "$terminal" = 0 ] && continue
    case " $known " in *" $pid "*) alive="$alive $pid" ;; esac
  done
}

# Whether a process without a parent of its own holds outputs that are neither the node's nor a running command's. It may
# be of a command whose own process has ended, and which the engine ends only later.
strays() {
  for process in $all; do
    pid=${process%%:*}
    parent=${process#*:}
    [ "${parent%%:*}" = 1 ] || continue
    for output in 1 2; do
      [ -p "/proc/$pid/fd/$output" ] || continue
      shared=
      for other in $all; do
        case $other in
          1:* | *:0:*:*) ;;
          *) continue ;;
        esac
        for same in 1 2; do
          [ "/proc/$pid/fd/$output" -ef "/proc/${other%%:*}/fd/$same" ] && shared=1
        done
      done
      [ -z "$shared" ] && return 0
    done
  done
  return 1
}

exec 2>/dev/null
mark=$0
hangs_up=$1
known=
processes
[ -n "$3" ] && root "$2" "$3"
members
if [ -z "$alive" ]; then
  strays && exit 4
  exit 3
fi
if [ -n "$hangs_up" ]; then
  kill -HUP $alive
  exit 0
fi
kill -TERM $alive
for step in 1 2 3 4 5 6 7 8 9 10; do
  members
  [ -z "$alive" ] && exit 0
  sleep 0.2
done
# What is killed may have started something a moment before.
for step in 1 2 3 4 5; do
  kill -KILL $alive
  members
  [ -z "$alive" ] && exit 0
done
exit 0
