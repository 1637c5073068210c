# Starts a program of the measure package in an environment that can draw; sourced by scripts/bench and scripts/tune.

start() {
    local module=$1 python=python3
    shift
    need python3 python3
    # Whoever only asks for help downloads nothing.
    case " $* " in
    *" -h "* | *" --help "*) ;;
    *)
        local environment=${CARGO_TARGET_DIR:-$root/target}/measure/venv
        need_module "$environment" matplotlib 'matplotlib>=3.8,<3.11'
        python=$environment/bin/python
        ;;
    esac
    PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 exec "$python" -m "$module" "$@"
}
