-- Whole code flows of a person who is signed in and has allowed the app: a request at /authorize,
-- and the code taken to /token with its code_verifier. `state` carries the number of the verifier.
-- Arguments: files with the Basic credentials, the cookies, the pairs "verifier challenge", and
-- the request without state and code_challenge; the path of the token endpoint; and the kind of
-- access token that must come: jwt or opaque.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

local token_headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
local page_headers = {}
local verifiers, authorize = {}, {}
local codes, first, last, turn = {}, 1, 0, 0
local callback, token_path, kind

function init(args)
  token_headers["Authorization"] = lines(args[1])[1]
  page_headers["Cookie"] = lines(args[2])[1]
  local query = lines(args[4])[1]
  token_path, kind = args[5], args[6]
  callback = query:match("redirect_uri=([^&]+)")
  for number, pair in ipairs(lines(args[3])) do
    local verifier, challenge = pair:match("(%S+) (%S+)")
    local path = query .. "&state=" .. number .. "&code_challenge=" .. challenge
    verifiers[number] = verifier
    authorize[number] = wrk.format("GET", path, page_headers)
  end
end

function request()
  local code = codes[first]
  if not code then
    turn = turn % #authorize + 1
    return authorize[turn]
  end
  codes[first] = nil
  first = first + 1
  local body = "grant_type=authorization_code&redirect_uri=" .. callback .. "&code=" .. code.code
  body = body .. "&code_verifier=" .. verifiers[code.number]
  return wrk.format("POST", token_path, token_headers, body)
end

local function check_authorize(headers)
  local location = headers["location"] or headers["Location"] or ""
  local code, number = location:match("[?&]code=([^&#]+)"), location:match("[?&]state=(%d+)")
  if not code or not number then
    return false, location
  end
  last = last + 1
  codes[last] = { code = code, number = tonumber(number) }
  return true
end

function check(status, headers, body)
  if status == 302 or status == 303 then
    return check_authorize(headers)
  end
  local whole = status == 200
    and gives(body, kind)
    and said(body, "refresh_token") ~= nil
    and (said(body, "id_token") or ""):sub(1, 2) == "ey"
  if whole then
    flows = flows + 1
  end
  return whole
end
