# Sourced by the scripts beside it: makes a virtual environment and installs the project into it, when either is due.
#
#   environment DIRECTORY EXTRA [CONSTRAINTS]
#
# DIRECTORY (absolute) gets the project, editable, with the optional dependencies EXTRA ("" for none), limited by the
# file CONSTRAINTS. It all happens again only when pyproject.toml, the constraints, the checkout's place or the Python
# changed. Everything it says goes to standard error, which leaves standard output to the command that follows.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'weightdecay: %s\n' "$*" >&2; }

# The first Python on the path that is new enough and can make environments.
find_python() {
  local candidate seen=""
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
    if "$candidate" --version >/dev/null 2>&1; then
      seen="${seen:+$seen, }$candidate ($("$candidate" --version 2>&1))"
    fi
  done
  say "needs Python 3.11 or newer with its venv and pip modules; found: ${seen:-none at all}."
  say "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: PYTHON=/path/to/python3.11 $0"
  return 1
}

environment() {
  local directory=$1 extra=$2 constraints=${3:-} python="$1/bin/python" maker due stamp
  if ! "$python" -c '' >/dev/null 2>&1; then
    maker=$(find_python) || return 1
    say "making $directory with $("$maker" --version 2>&1) ..."
    if ! "$maker" -m venv --clear "$directory" >&2; then
      say "could not make $directory (see above)."
      return 1
    fi
  elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "needs Python 3.11 or newer, but $directory holds $("$python" --version 2>&1); remove it and run this again."
    return 1
  fi

  stamp="$directory/installed${extra:+-$extra}"
  due="$root $("$python" --version) $(cat "$root/pyproject.toml" ${constraints:+"$constraints"} | cksum)"
  if [ "$due" = "$(cat "$stamp" 2>/dev/null)" ]; then
    return
  fi
  "$python" -c 'import pip' >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 || true
  say "installing into $directory (once; a minute or two) ..."
  if ! "$python" -m pip install -qq --disable-pip-version-check --no-input --editable "$root${extra:+[$extra]}" \
    ${constraints:+--constraint "$constraints"} </dev/null >&2; then
    say "the installation failed (see above); run the same command again when that is mended."
    return 1
  fi
  printf '%s' "$due" >"$stamp"
  printf '%s' "$due" >"$directory/installed"
}
