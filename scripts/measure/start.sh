# shellcheck shell=bash disable=SC2154
# Python for the measure package; sourced by scripts/bench, tune, memory, latency and measure/check, which set `root`.

# Makes an environment that can draw, below target/measure, and sets `python`.
environment() {
    local folder=${CARGO_TARGET_DIR:-$root/target}/measure/venv
    need_module "$folder" matplotlib 'matplotlib>=3.8,<3.11'
    python=$folder/bin/python
}

# start MODULE WORDS...: runs a program of the package. Whoever only asks for help downloads nothing.
start() {
    local module=$1 python=python3
    shift
    need python3 python3
    case " $* " in
    *" -h "* | *" --help "*) ;;
    *) environment ;;
    esac
    PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 exec "$python" -m "$module" "$@"
}
