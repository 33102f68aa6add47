# bash completion for smtp-detour
_smtp_detour() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} sub=${COMP_WORDS[1]} file=/etc/smtp-detour/proxy.ini options=--json i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -c ]] && file=${COMP_WORDS[i + 1]}
    done
    COMPREPLY=()
    if [[ $prev == -c ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null | sed -n 's/^  smtp-detour \([a-z]*\) .*/\1/p') --help --version" -- "$cur")
    else
        case $sub in
        setup)
            case $prev in
            --password-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
            --provider) mapfile -t COMPREPLY < <(compgen -W "$("$1" providers 2>/dev/null | awk '/^[a-z0-9]/ {print $1}')" -- "$cur") ;;
            *) mapfile -t COMPREPLY < <(compgen -W "-c --host --provider --user --password-file --listen --allow --to --yes --help" -- "$cur") ;;
            esac ;;
        check) mapfile -t COMPREPLY < <(compgen -W "-c --route --print --help" -- "$cur") ;;
        doctor | login) # accounts of the configuration
            [[ $sub == login ]] && options="--device --browser" || options="-v --json --host"
            mapfile -t COMPREPLY < <(compgen -W "-c $options --help $(sed -n 's/^\[upstream \(.*\)\]/\1/p' "$file" 2>/dev/null)" -- "$cur") ;;
        send) mapfile -t COMPREPLY < <(compgen -f -W "-c --from --to --help" -- "$cur") ;;
        cluster) mapfile -t COMPREPLY < <(compgen -W "-c key status --help" -- "$cur") ;;
        spool) mapfile -t COMPREPLY < <(compgen -W "-c list show retry remove adopt drain --json --raw --account --failed --timeout --help" -- "$cur") ;;
        providers) mapfile -t COMPREPLY < <(compgen -W "--help $("$1" providers 2>/dev/null | awk '/^[a-z0-9]/ {print $1}')" -- "$cur") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "-c --help" -- "$cur") ;;
        esac
    fi
}
complete -o filenames -F _smtp_detour smtp-detour
