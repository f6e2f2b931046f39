-- Client credentials, but no faster than asked. Arguments: as there, and the milliseconds between
-- two requests of a connection.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "client_credentials.lua")

local begin, pause = init, 0

function init(args)
  begin(args)
  pause = tonumber(args[4])
end

function delay()
  return pause
end
