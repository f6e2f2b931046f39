-- An API asks about tokens in turn. Arguments: files with its Basic credentials and the tokens.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

local requests = {}
local turn = 0

function init(args)
  local headers = {
    ["Content-Type"] = "application/x-www-form-urlencoded",
    ["Authorization"] = lines(args[1])[1],
  }
  for _, token in ipairs(lines(args[2])) do
    table.insert(requests, wrk.format("POST", nil, headers, "token=" .. token))
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function check(status, _, body)
  return status == 200
    and body:find('"active": *true') ~= nil
    and said(body, "client_id") ~= nil
    and body:find('"exp": *%d') ~= nil
end
