-- wrk script: the requests are made once, tokens taken in turn; the last line of output is a JSON object.
local requests, index = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    if line ~= "" then
      requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = line, ["Accept"] = "*/*" })
    end
  end
end

function request()
  index = index % #requests + 1
  return requests[index]
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format(
    '{"requests":%d,"errors":%d,"rps":%.1f,"p50_ms":%.4f,"p99_ms":%.4f,"p999_ms":%.4f}\n',
    summary.requests,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    summary.requests * 1e6 / summary.duration,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3))
end
