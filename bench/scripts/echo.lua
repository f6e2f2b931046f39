-- The floor: 200 bytes of JSON, parsed, written again and sent back.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

local body = '{"fill":"' .. string.rep("x", 189) .. '"}'

function init()
  wrk.method = "POST"
  wrk.body = body
  wrk.headers["Content-Type"] = "application/json"
end

function check(status, _, answer)
  return status == 200 and answer == body
end
