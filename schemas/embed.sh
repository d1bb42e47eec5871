#!/bin/sh
# Prints a C source with the files named as arguments in it, as builtin.h declares them.
set -eu

echo '/* Made by schemas/embed.sh: do not edit. */'
echo '#include "schemas/builtin.h"'
number=0
for file in "$@"; do
	echo "static const char file_$number[] = {"
	od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
	echo '0};'
	number=$((number + 1))
done
echo 'const struct builtin_file builtin_files[] = {'
number=0
for file in "$@"; do
	echo "	{\"${file##*/}\", file_$number, sizeof(file_$number) - 1},"
	number=$((number + 1))
done
echo '	{0, 0, 0}'
echo '};'
