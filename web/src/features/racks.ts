type Rack = { name: string; default: boolean };

/** What to paste into a terminal so that the stock convox command line talks to this gateway. */
export function cliLines(rack: Rack, token: string): string {
  const path = rack.default ? "/api/v1/rack-proxy" : `/api/v1/racks/${encodeURIComponent(rack.name)}/proxy`;
  return `export RACK_URL=${location.protocol}//convox:${token}@${location.host}${path}\nconvox apps`;
}
