# Makes one style sheet of several. Sourced, never run.
# shellcheck shell=bash

# Plain CSS needs no compiler: each `@import "x.css" layer(y);` is replaced by the sheet, in its
# layer, and one that stays could not be found at run time.
inline_css() {
  local sheet=$1 folder=${1%/*} line
  local import='^@import (url\()?["'\'']([^"'\'']+)["'\'']\)?( layer\(([a-z.-]+)\))?;[[:space:]]*$'
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ $import ]]; then
      local file=${BASH_REMATCH[2]} layer=${BASH_REMATCH[4]}
      [ -e "$folder/$file" ] || fail "$sheet imports $file, which is not there"
      if [ -n "$layer" ]; then echo "@layer $layer {"; fi
      inline_css "$folder/$file"
      if [ -n "$layer" ]; then echo "}"; fi
    elif [[ $line == @import* ]]; then
      fail "$sheet: cannot inline: $line"
    else
      printf '%s\n' "$line"
    fi
  done <"$sheet"
}
