#!/usr/bin/env sh
# shellcheck disable=SC2034
dns_recorder_info='A server of tests
Site: localhost
Options:
 RECORDER_Url Where records are put and taken away
 RECORDER_Key A secret
Issues: none
'

# In the manner of dnsapi scripts: credentials from the environment or from earlier runs.
_recorder_init() {
  RECORDER_Url="${RECORDER_Url:-$(_readaccountconf_mutable RECORDER_Url)}"
  RECORDER_Key="${RECORDER_Key:-$(_readaccountconf_mutable RECORDER_Key)}"
  if [ -z "$RECORDER_Url" ] || [ -z "$RECORDER_Key" ]; then
    _err "You didn't specify a RECORDER_Url and a RECORDER_Key"
    return 1
  fi
  _saveaccountconf_mutable RECORDER_Url "$RECORDER_Url"
  _saveaccountconf_mutable RECORDER_Key "$RECORDER_Key"
  export _H1="X-Key: $RECORDER_Key"
}

dns_recorder_add() {
  fulldomain=$1
  txtvalue=$2
  _recorder_init || return 1
  response="$(_post "{\"host\":\"$fulldomain.\",\"value\":\"$txtvalue\"}" "$RECORDER_Url/set-txt" "" POST application/json)" || return 1
  _debug2 response "$response"
  _code="$(grep "^HTTP" "$HTTP_HEADER" | _tail_n 1 | cut -d " " -f 2)"
  if [ "$_code" != 200 ]; then
    _err "the server says $_code"
    return 1
  fi
  _savedomainconf RECORDER_Count "$(_math "0$(_readdomainconf RECORDER_Count)" + 1)"
}

dns_recorder_rm() {
  _recorder_init || return 1
  _post "{\"host\":\"$1.\"}" "$RECORDER_Url/clear-txt" >/dev/null
}
