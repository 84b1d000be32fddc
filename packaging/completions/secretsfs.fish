# fish completion for secretsfs(1). Commands and options come from the program's own help.

function __secretsfs_commands
    secretsfs --help 2>/dev/null | string match -rg '^  secretsfs ([a-z]+) .*?  +(.*)$' | paste - -
end

function __secretsfs_options
    set -l words (commandline -opc)
    secretsfs $words[2] --help 2>/dev/null | string match -rg '^  (--[a-z-]+)(?: [A-Z=]+)? +(.*)$' | paste - -
end

function __secretsfs_takes_directory
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] mount unmount status health
end

complete -c secretsfs -f
complete -c secretsfs -n 'test (count (commandline -opc)) -eq 1' -a '(__secretsfs_commands)'
complete -c secretsfs -n 'test (count (commandline -opc)) -gt 1; and string match -q -- "-*" (commandline -ct)' \
    -a '(__secretsfs_options)'
complete -c secretsfs -n __secretsfs_takes_directory -a '(__fish_complete_directories)'
complete -c secretsfs -n 'contains -- -- (commandline -opc)' -a '(__fish_complete_subcommand --fcs-skip=2)'
