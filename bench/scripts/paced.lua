-- Client credentials, but no faster than asked. Arguments: as there, and the requests a second of
-- all connections. Each is due at a time of its own, however long the one before it took; whoever
-- is behind by more than a second gives the rest up.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "client_credentials.lua")

local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } instant_t; int clock_gettime(int, instant_t *);")

local begin, between, due = init, 0, 0
local MONOTONIC, AT_MOST_BEHIND = 1, 1000
local instant = ffi.new("instant_t")

local function milliseconds()
  ffi.C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.s) * 1000 + tonumber(instant.ns) / 1e6
end

function init(args)
  begin(args)
  between = 1000 / tonumber(args[4])
  due = milliseconds()
end

function delay()
  local now = milliseconds()
  due = math.max(due + between, now - AT_MOST_BEHIND)
  return math.max(0, math.floor(due - now + 0.5))
end
