# bash completion for secretsfs(1). Commands and options come from the program's own help.

_secretsfs_help() { secretsfs "$@" --help 2>/dev/null; }

_secretsfs_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_secretsfs_value() {
    case $prev in
    --local) _filedir ;;
    --to | --at) _filedir -d ;;
    --log-level) _secretsfs_words 'error warning info debug' ;;
    --log) _secretsfs_words 'stderr syslog file:/' ;;
    --uid) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
    --gid) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
    --profile)
        _secretsfs_words "$(sed -n 's/^\[\(profile \)\{0,1\}\([^] ]*\)\]$/\2/p' \
            "${AWS_CONFIG_FILE:-$HOME/.aws/config}" "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" 2>/dev/null)"
        ;;
    --*) _secretsfs_help "${words[1]}" | grep -q "^  $prev [A-Z]" ;;
    *) return 1 ;;
    esac
}

_secretsfs() {
    local cur prev words cword split index
    _init_completion -s || return
    if ((cword == 1)); then
        _secretsfs_words "$(_secretsfs_help | sed -n 's/^  secretsfs \([a-z]*\) .*/\1/p') --help --version"
        return
    fi
    if [[ ${words[1]} == exec ]]; then
        for ((index = 2; index < cword; index++)); do
            if [[ ${words[index]} == -- ]]; then
                _command_offset $((index + 1))
                return
            fi
        done
    fi
    _secretsfs_value || $split && return
    if [[ $cur == -* ]]; then
        _secretsfs_words "--help $(_secretsfs_help "${words[1]}" | sed -n 's/^  \(--[a-z-]*\).*/\1/p')"
    else
        case ${words[1]} in
        mount | unmount | status | health) _filedir -d ;;
        esac
    fi
}

complete -F _secretsfs secretsfs
