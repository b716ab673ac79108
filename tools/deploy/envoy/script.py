"""The Lua script for Envoy's Lua filter. It sends refusals to ``kcproxy ext-proc --http`` (``kcproxy.envoy.lua_protocol``)."""

from kcproxy.envoy import lua_protocol as protocol
from kcproxy.envoy.seen import READ_FIELDS
from tools.deploy.envoy.filters import CLUSTER
from tools.deploy.envoy.matching import STATUS_CODES, body_operations

MAX_BODY_BYTES = 65_536
LIMIT_MILLISECONDS = 250

_SCRIPT = """\
-- Explains the refusals of Keycloak. Generated from kcproxy's role tables: python -m tools.docs
local CLUSTER, LIMIT_MS, MAX_BYTES = "@cluster@", @limit@, @max@
local SPACE = "kcproxy"
local EXPLAINED = {@statuses@}
local REQUEST_FIELDS = {@request_fields@}
local RESPONSE_FIELDS = {@response_fields@}
-- The explanation of these depends on the request body.
local WITH_BODY = {
@with_body@
}

local function needs_body(method, path)
  local patterns = WITH_BODY[method]
  if not patterns then return false end
  local plain = path:match("^[^?]*")
  for _, pattern in ipairs(patterns) do
    if plain:find(pattern) then return true end
  end
  return false
end

local function length_of(headers)
  return tonumber(headers:get("content-length") or "")
end

-- How much of the request body was seen, and the body.
local function body_of(handle, headers, method, path)
  local length = length_of(headers)
  local chunked = headers:get("transfer-encoding") ~= nil
  local may_have = chunked or (length == nil and (method == "POST" or method == "PUT" or method == "PATCH"))
  if length == 0 or (length == nil and not may_have) then return "none", "" end
  if length == nil or length > MAX_BYTES or not needs_body(method, path) then return "unseen", "" end
  local body = handle:body(true)
  return "seen", body:length() > 0 and body:getBytes(0, body:length()) or ""
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method, path = headers:get(":method") or "", headers:get(":path") or ""
  local parts = {method, path, headers:get(":authority") or ""}
  -- Envoy accepts no line break in a value (RFC 9110, section 5.5), so that one can separate them.
  for number = 1, #REQUEST_FIELDS do parts[number + 3] = headers:get(REQUEST_FIELDS[number]) or "" end
  local seen, body = body_of(handle, headers, method, path)
  local metadata = handle:streamInfo():dynamicMetadata()
  if seen ~= "none" then
    metadata:set(SPACE, "body", seen)
    if body ~= "" then metadata:set(SPACE, "bytes", handle:base64Escape(body)) end
  end
  metadata:set(SPACE, "request", table.concat(parts, "\\n"))
end

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function unescaped(text)
  local found, bits, count = {}, 0, 0
  for character in text:gmatch("[%w+/]") do
    bits = bits * 64 + BASE64:find(character, 1, true) - 1
    count = count + 6
    if count >= 8 then
      count = count - 8
      local power = 2 ^ count
      found[#found + 1] = string.char(math.floor(bits / power))
      bits = bits % power
    end
  end
  return table.concat(found)
end

local function message_of(handle, kept)
  local parts = {}
  for part in (kept["request"] .. "\\n"):gmatch("(.-)\\n") do parts[#parts + 1] = part end
  local headers = handle:headers()
  local message = {
    [":method"] = "POST", [":path"] = "@path@", [":authority"] = "kcproxy",
    ["@method@"] = parts[1], ["@target@"] = parts[2], ["@status@"] = headers:get(":status"),
    ["@of_request@host"] = parts[3], ["@body@"] = kept["body"] or "none",
    ["@peer@"] = handle:streamInfo():downstreamDirectRemoteAddress():match("^(.*):%d+$"),
  }
  for number, name in ipairs(REQUEST_FIELDS) do
    if parts[number + 3] ~= "" then message["@of_request@" .. name] = parts[number + 3] end
  end
  for _, name in ipairs(RESPONSE_FIELDS) do message["@of_response@" .. name] = headers:get(name) end
  return message
end

local function change(handle, answer, body)
  local headers = handle:headers()
  for name, value in pairs(answer) do
    local changed = name:match("^@set@(.+)$")
    if changed then headers:replace(changed, value) end
  end
  for name in (answer["@removed@"] or ""):gmatch("[^,]+") do headers:remove(name) end
  if answer["@new_body@"] then
    headers:replace("content-length", tostring(handle:body(true):setBytes(body)))
  end
end

function envoy_on_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(SPACE)
  if not kept or not kept["request"] then return end
  kept = {request = kept["request"], body = kept["body"], bytes = kept["bytes"]}
  -- The metadata contains the caller's token. Access logs are written later and can print metadata.
  metadata:set(SPACE, "request", "")
  if kept["bytes"] then metadata:set(SPACE, "bytes", "") end
  local headers = handle:headers()
  if not EXPLAINED[headers:get(":status")] or kept["request"] == "" then return end
  local length = length_of(headers)
  if length and length > MAX_BYTES then return end
  local message, text = message_of(handle, kept), ""
  local body = handle:body(true)
  if body:length() > MAX_BYTES then return end
  if body:length() > 0 then text = body:getBytes(0, body:length()) end
  if kept["body"] == "seen" then
    local sent = unescaped(kept["bytes"] or "")
    message["@bytes@"] = tostring(#sent)
    text = sent .. text
  end
  local answer, new_body = handle:httpCall(CLUSTER, message, text, LIMIT_MS)
  if answer[":status"] == "200" then change(handle, answer, new_body) end
end
"""


def script(cluster: str = CLUSTER) -> str:
    """The script. ``cluster``: the name under which Envoy knows kcproxy."""
    values = {
        "cluster": cluster,
        "limit": LIMIT_MILLISECONDS,
        "max": MAX_BODY_BYTES,
        "statuses": ", ".join(f'["{status}"] = true' for status in STATUS_CODES),
        "request_fields": _listed(READ_FIELDS),
        "response_fields": _listed(protocol.RESPONSE_FIELDS),
        "with_body": "\n".join(f'  ["{method}"] = {{{_patterns(paths)}}},' for method, paths in body_operations().items()),
        "path": protocol.PATH,
        "method": protocol.METHOD,
        "target": protocol.TARGET,
        "status": protocol.STATUS,
        "peer": protocol.PEER,
        "of_request": protocol.OF_REQUEST,
        "of_response": protocol.OF_RESPONSE,
        "body": protocol.REQUEST_BODY,
        "bytes": protocol.REQUEST_BODY_BYTES,
        "set": protocol.SET,
        "removed": protocol.REMOVED,
        "new_body": protocol.NEW_BODY,
    }
    text = _SCRIPT.replace("^@set@", "^" + _pattern(protocol.SET))
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _patterns(paths: tuple[str, ...]) -> str:
    return ", ".join(f'"{_pattern(path).replace("{}", "[^/]+")}$"' for path in paths)


def _pattern(text: str) -> str:
    """The text as a Lua pattern."""
    return text.replace("-", "%-")
