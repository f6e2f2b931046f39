-- Every answer is checked: right ones are counted, wrong ones too, and the first of them is shown.
-- A script sets `check(status, headers, body)`, which gives true, or false and what was wrong.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

right, wrong, first_wrong, flows = 0, 0, "", 0

function lines(path)
  local found = {}
  for line in io.lines(path) do
    table.insert(found, line)
  end
  return found
end

function response(status, headers, body)
  local well, what = check(status, headers, body)
  if well then
    right = right + 1
  else
    wrong = wrong + 1
    if first_wrong == "" then
      first_wrong = status .. " " .. (what or body)
    end
  end
end

-- What a body says of a name; some servers leave a space behind the colon.
function said(body, name)
  return body:match('"' .. name .. '": *"([^"]*)"')
end

-- Whether a body holds an access token of this kind: a JWT, or one that says nothing by itself.
function gives(body, kind)
  local token = said(body, "access_token")
  local is_jwt = token ~= nil and token:find("^ey[%w_-]+%.[%w_-]+%.[%w_-]+$") ~= nil
  return token ~= nil and #token > 20 and is_jwt == (kind == "jwt")
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', "?"):sub(1, 200) .. '"'
end

function done(summary, latency, _)
  local sums = { right = 0, wrong = 0, flows = 0 }
  local first = ""
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do
      sums[name] = sums[name] + thread:get(name)
    end
    if first == "" then
      first = thread:get("first_wrong")
    end
  end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(
    string.format(
      '\nCOUNTED {"right":%d,"wrong":%d,"flows":%d,"broken":%d,"first_wrong":%s,',
      sums.right, sums.wrong, sums.flows, broken, quoted(first)
    ),
    string.format(
      '"microseconds":%d,"p50_us":%d,"p99_us":%d}\n',
      summary.duration, latency:percentile(50), latency:percentile(99)
    )
  )
end
