-- Apps refresh, each token once: a token leaves the queue when it is sent, and its successor joins
-- when the answer is there. The queue is longer than there are connections, so it never runs dry.
-- Arguments: files with the Basic credentials and the first token of each family, and the kind of
-- access token that must come: jwt or opaque.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "checked.lua")

local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
local queue, first, last = {}, 1, 0

local function join(token)
  last = last + 1
  queue[last] = token
end

local function leave()
  local token = queue[first] or "none" -- so many answers were wrong: this one will be, too
  queue[first] = nil
  first = first + 1
  return token
end

local kind

function init(args)
  kind = args[3]
  headers["Authorization"] = lines(args[1])[1]
  for _, token in ipairs(lines(args[2])) do
    join(token)
  end
end

function request()
  return wrk.format("POST", nil, headers, "grant_type=refresh_token&refresh_token=" .. leave())
end

function check(status, _, body)
  local successor = said(body, "refresh_token")
  if status ~= 200 or not successor or not gives(body, kind) then
    return false
  end
  join(successor)
  return true
end
