# bash completion for tagma and ./tagma. It asks the program itself ("tagma complete"), so that it never goes stale.
# Source this file, or put it into ~/.local/share/bash-completion/completions/ under the name tagma.

_tagma() {
  # bash parts words at = and : as well. Here they are put together again: what has no blank between is one word.
  local rest=${COMP_LINE:0:COMP_POINT} words=() word trimmed i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    trimmed=${rest#"${rest%%[![:space:]]*}"}
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$trimmed # up to the cursor
    if ((i > 0)) && [[ -n $word && $trimmed == "$rest" ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=${trimmed#"$word"}
  done

  # bash replaces only what is behind the last = or :, so that the beginning is not given back to it.
  local whole=${words[${#words[@]} - 1]} kind text description path
  local part=${whole##*[=:]}
  local kept=${whole%"$part"}
  COMPREPLY=()
  while IFS=$'\t' read -r kind text description; do
    case $kind in
    word) COMPREPLY+=("${text#"$kept"}") ;;
    files | directories)
      compopt -o filenames 2>/dev/null
      while IFS= read -r path; do
        COMPREPLY+=("$path")
      done < <(if [[ $kind == files ]]; then compgen -f -- "$part"; else compgen -d -- "$part"; fi)
      ;;
    esac
  done < <("${1/#\~\//$HOME/}" complete -- "${words[@]:1}" 2>/dev/null </dev/null)
}

# The order is that of the help; older versions of bash only know their own.
complete -o nosort -F _tagma tagma 2>/dev/null || complete -F _tagma tagma
