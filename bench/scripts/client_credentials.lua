-- A service asks for a token of its own. Arguments: the file with its Basic credentials, the scope.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

function init(args)
  wrk.method = "POST"
  wrk.body = "grant_type=client_credentials&scope=" .. args[2]
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  wrk.headers["Authorization"] = lines(args[1])[1]
end

function check(status, _, body)
  return status == 200
    and body:find('"access_token":"ey', 1, true) ~= nil
    and body:find('"token_type":"Bearer"', 1, true) ~= nil
    and body:find('"expires_in":', 1, true) ~= nil
end
