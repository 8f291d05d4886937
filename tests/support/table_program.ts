/** A helper of tables for tests, in shell. */

/** Speaks smtpd-tables(7). It knows the alias `root`, which is what it has as its argument; `die` ends it, and at `hang`
 * it says no more. */
export const helperScript = `#!/bin/sh
echo "I start" >&2
echo $$ > "$0.pid.new" && mv "$0.pid.new" "$0.pid"
while read -r line && [ "$line" != "config|ready" ]; do :; done
printf 'register|alias\\nregister|ready\\n'
while IFS='|' read -r _table _version _time _name op service id key; do
  case $op$key in
    update) echo "update-result|$service|ok" ;;
    lookuproot) echo "lookup-result|$id|found|$1" ;;
    lookupdie) exit 7 ;;
    lookuphang) echo "I hang" >&2; exec sleep 1000 ;;
    *) echo "$op-result|$id|not-found" ;;
  esac
done
`;
