# What the scripts share; sourced by bash, with `me` set to the name of the script.
# shellcheck shell=bash disable=SC2154

run() {
    echo "\$ $*"
    "$@"
}

missing() {
    echo "$me: $1 is missing. Install it, on Debian: apt-get install $2" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then run "$@"; else run sudo -n "$@"; fi
}

# Installs a Debian package. The list of packages may be older than the mirror.
install_package() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } || return 1
    as_root apt-get install -y --no-install-recommends "$1" ||
        { as_root apt-get update && as_root apt-get install -y --no-install-recommends "$1"; }
}

# need PROGRAM PACKAGE: installs a Debian package if a program is not there yet.
need() {
    command -v "$1" >/dev/null || install_package "$2" || missing "$1" "$2"
}

# need_module FOLDER MODULE REQUIREMENT: a virtual environment in FOLDER with a Python module from PyPI.
need_module() {
    local folder=$1 module=$2 requirement=$3
    if [ ! -x "$folder/bin/pip" ]; then
        mkdir -p "$(dirname "$folder")"
        # Debian keeps the module that makes virtual environments apart.
        run python3 -m venv "$folder" || {
            rm -rf "$folder"
            install_package python3-venv || missing "python3 -m venv" python3-venv
            run python3 -m venv "$folder"
        }
    fi
    "$folder/bin/python" -c "import $module" 2>/dev/null || run "$folder/bin/pip" install --quiet "$requirement" || {
        echo "$me: pip could not install $requirement. Is PyPI reachable?" >&2
        exit 1
    }
}

# load_with PROGRAM WORDS...: builds broker and loadgen and has a Python program load the one with the other. Its help needs
# neither.
load_with() {
    local program=$1 target=${CARGO_TARGET_DIR:-target}
    shift
    need python3 python3
    case " $* " in
    *" -h "* | *" --help "*) ;;
    *) run cargo build --release --package corecast --package loadgen ;;
    esac
    PYTHONDONTWRITEBYTECODE=1 exec python3 "$program" --broker "$target/release/corecast" --loadgen "$target/release/loadgen" "$@"
}
