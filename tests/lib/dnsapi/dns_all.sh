#!/usr/bin/env sh
# shellcheck disable=SC2012,SC2034,SC2154
# Calls what dnsapi scripts call, and tells what came of it: "NAME=TEXT", a line each.

_tell() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '|')" >>"$ALL_OUT"; }
_tell_if() {
  name=$1
  shift
  if "$@" >/dev/null 2>&1; then _tell "$name" yes; else _tell "$name" no; fi
}

dns_all_add() {
  _tell name "$1"
  _tell value "$2"
  _tell err "$(_err "one" "two" 2>&1 || echo failed)"
  _tell err1 "$(_err "one" 2>&1)"
  _tell info "$(_info "one") $(_info "one" "two")"
  _tell usage "$(_usage "one" 2>&1)"
  _tell quiet "$(_debug a b 2>&1)$(_debug2 a b 2>&1)$(_debug3 a b 2>&1)$(_log a)"
  _tell debug "$(DEBUG=1; _debug a b 2>&1; _debug2 a b 2>&1)"
  _tell secure "$(DEBUG=3; _secure_debug a secret 2>&1; _secure_debug2 a secret 2>&1; _secure_debug3 a secret 2>&1)"
  _tell colours "$(__green good)$(__red bad)"
  _tell_if contains _contains "a.b*c" 'b\*'
  _tell_if contains_not _contains "abc" "ac"
  _tell_if startswith _startswith "abc" "ab"
  _tell_if startswith_not _startswith "abc" "bc"
  _tell_if endswith _endswith "abc" "bc"
  _tell_if endswith_not _endswith "abc" "ab"
  _tell math "$(_math 2 \* 3 + 1)"
  _tell egrep "$(printf 'id":12,"id":345' | _egrep_o '[0-9]+' | tr '\n' ' ')"
  _tell head "$(printf 'a\nb\nc\n' | _head_n 2 | tr '\n' ' ')"
  _tell tail "$(printf 'a\nb\nc\n' | _tail_n 2 | tr '\n' ' ')"
  _tell cases "$(printf 'aBc' | _lower_case)$(printf 'aBc' | _upper_case)"
  _tell json "$(printf '{\n  "a" : "b",\r\n  "c" : [1]\n}' | _normalizeJson)"
  _tell json_decode "$(printf 'https:\\/\\/x' | _json_decode)"
  _tell replace "$(printf 'a/b+c==' | _url_replace)"
  _tell field "$(_getfield "a,b,,d" 2)$(_getfield "a,b,,d" 3)$(_getfield "a b" 2 " ")$(_getfield "" 1)"
  _tell base64 "$(printf '%s' "$ALL_LONG" | _base64 | wc -c | tr -d ' ') $(printf '%s' "$ALL_LONG" | _base64 many | wc -l | tr -d ' ')"
  _tell dbase64 "$(printf 'c2VjcmV0' | _dbase64)$(printf 'YQ==\n' | _dbase64 many)$(printf 'no_base64' | _dbase64)"
  _tell hex "$(printf 'a\0z' | _hex_dump)."
  _tell h2b "$(printf '61 7A' | _h2b)$(printf '4142' | _h2b)"
  _tell url "$(printf 'a/b c~é' | _url_encode) $(printf '/é' | _url_encode upper-hex)"
  _tell md5 "$(printf abc | _digest md5 hex)"
  _tell sha256 "$(printf abc | _digest sha256)"
  _tell_if digest_unknown _digest crc32
  _tell hmac "$(printf 'what do ya want for nothing?' | _hmac sha256 "$(printf Jefe | _hex_dump | tr -d ' ')" hex)"
  _tell hmac1 "$(printf 'what do ya want for nothing?' | _hmac sha1 4a656665 | _base64)"
  _tell rsa "$(printf text | _sign "$ALL_RSA" sha256)"
  _tell ec "$(printf text | _sign "$ALL_EC" sha256)"
  _tell_if is_rsa _isRSA "$ALL_RSA"
  _tell_if is_rsa_not _isRSA "$ALL_EC"
  _tell_if sign_not _sign "$HTTP_HEADER" sha256
  _tell time "$(_math "$(_time)" / 1000000000)"
  _tell date "$(_utc_date | tr '0-9' '9')"
  _tell idn "$(_idn xn--a.example) $(_idn bücher.example,example.org)"
  _tell_if exists _exists grep
  _tell_if exists_not _exists no-such-program
  _tell lookup "$(_ns_lookup no-such-name.invalid TXT)"
  file=$(_mktemp)
  echo "a b" >"$file"
  _sed_i 's/a/x/' "$file"
  _tell sed "$(cat "$file")"
  _sleep 0
  _saveaccountconf Plain "it's \"plain\""
  _saveaccountconf_mutable Mutable "two
lines" base64
  _savedomainconf Zone 4711
  _savedomainconf Gone x
  _cleardomainconf Gone
  _saveaccountconf Old x
  _clearaccountconf Old
  _saveaccountconf_mutable Older x
  _clearaccountconf_mutable Older
  _tell read "$(_readaccountconf Plain)/$(_readaccountconf_mutable Mutable | tr '\n' '|')/$(_readdomainconf Zone)/$(_readdomainconf Gone)"
  _tell_if bad_key _savedomainconf 'x;id' y
  _tell folder "$(ls -A "$LE_CONFIG_HOME")$(ls -ld "$LE_CONFIG_HOME" | cut -c 1-10)"
  [ -z "$ALL_Url" ] || _all_http
}

_all_http() {
  export _H1="X-One: 1" _H2="Authorization: Bearer secret"
  _tell get "$(_get "$ALL_Url/echo?q=1")"
  _tell headers "$(_get "$ALL_Url/echo" only 5 | tr -d '\r' | grep -i '^x-answer')"
  _tell header_file "$(grep -i '^x-answer' "$HTTP_HEADER" | tr -d '\r')"
  _tell post "$(_post 'a=1&b=2' "$ALL_Url/echo")"
  _tell put "$(_post '{"a":1}' "$ALL_Url/echo" "" PUT application/json)"
  _tell delete "$(_post "" "$ALL_Url/echo" "" DELETE)"
  _tell post_base64 "$(_post x "$ALL_Url/text" base64)"
  _tell redirect "$(_get "$ALL_Url/redirect")"
  export ACME_HTTP_NO_REDIRECTS=1
  _tell no_redirect "$(_get "$ALL_Url/redirect")$(_head_n 1 <"$HTTP_HEADER" | cut -d ' ' -f 2)"
  _resethttp
  _tell again "$(_get "$ALL_Url/redirect")"
  _tell status "$(_get "$ALL_Url/missing" && echo .)"
  _post kept "$ALL_Url/text" >/dev/null
  _tell response "$response"
  export HTTPS_INSECURE=1 CA_BUNDLE=/etc/passwd
  _tell untrusted "$(_get "$ALL_Url/text" 2>/dev/null || echo $?)"
}

dns_all_rm() {
  _tell read "$(_readaccountconf Plain)/$(_readaccountconf_mutable Mutable | tr '\n' '|')/$(_readdomainconf Zone)"
  _err "there is no zone"
  exit 7
}
