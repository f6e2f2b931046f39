-- A service asks for a token of its own. Arguments: the file with its Basic credentials, the
-- scope, and the kind of access token that must come: jwt or opaque.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

local kind

function init(args)
  kind = args[3]
  wrk.method = "POST"
  wrk.body = "grant_type=client_credentials&scope=" .. args[2]
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  wrk.headers["Authorization"] = lines(args[1])[1]
end

function check(status, _, body)
  return status == 200
    and gives(body, kind)
    and (said(body, "token_type") or ""):lower() == "bearer"
    and body:find('"expires_in": *%d') ~= nil
end
