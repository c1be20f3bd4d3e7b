#!/bin/sh
# Prints a header with its plain comments as those of Doxygen: those before a declaration, and those behind a member.
#   api_comments.sh HEADER
# The first comment of a header is its introduction.
exec sed -E \
  -e '1s|^/\* |/** @file\n * |' \
  -e '1s|^// |/// @file\n/// |' \
  -e 's|^( *)// |\1/// |' -e 's|^( *)//$|\1///|' \
  -e 's|^( *)/\* ([^-])|\1/** \2|' \
  -e 's|([;,{] *)// |\1///< |' -e 's|([;,a-z0-9)"]) +/\* ([^*]*)|\1 /**< \2|' "$1"
