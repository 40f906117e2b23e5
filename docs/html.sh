#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# html.sh FOLDER: converts the README and the pages here to HTML in FOLDER, and fails if a link
# leads nowhere.
set -eu

here=$(dirname "$0")
out=$1

# page FILE STYLE HOME: converts FILE.md to FILE.html, with a link to the list of pages.
page() {
	title=$(sed -n '1s/^# //p' "$1.md")
	lowdown -s -Thtml -m "title=$title" -m "css=$2" -m 'lang=en' "$1.md" |
		sed -E -e 's/href="([^":]*)\.md(["#])/href="\1.html\2/g' \
			-e "s|^<body>|&<nav><a href=\"$3\">HMARK at work</a></nav>|" > "$out/$1.html"
}

cd "$here/.."
mkdir -p "$out/docs"
cp docs/*.svg docs/style.css "$out/docs"
cp LICENSE "$out"
for file in *.md; do
	page "${file%.md}" docs/style.css docs/README.html
done
for file in docs/*.md; do
	page "${file%.md}" style.css README.html
done

# broken FILE: prints its links to files and headings that do not exist.
broken() {
	grep -oE '(href|src)="[^"]*"' "$1" | cut -d '"' -f 2 | sort -u | while read -r link; do
		case $link in *:*) continue ;; esac
		target=${link%%#*}
		target=${target:+$(dirname "$1")/$target}
		target=${target:-$1}
		case $link in *#*) id=${link#*#} ;; *) id= ;; esac
		if ! [ -e "$target" ] || { [ -n "$id" ] && ! grep -q "id=\"$id\"" "$target"; }; then
			echo "$1: $link leads nowhere"
		fi
	done
}

wrong=$(for file in "$out"/*.html "$out"/docs/*.html; do broken "$file"; done)
if [ -n "$wrong" ]; then
	echo "$wrong" >&2
	exit 1
fi
