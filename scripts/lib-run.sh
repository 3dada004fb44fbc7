# What scripts/run needs: the simulator beside the server, the greeting, the demonstration, and data
# folders that are removed. Sourced, never run.
# shellcheck shell=bash

# How long the server may take until it answers, in seconds, before the greeting is given up.
READY_SECONDS=180
# How long the simulator may take to start, in seconds.
VCSIM_SECONDS=30

base_url() { printf 'http://%s' "$STAGEWATCH_LISTEN"; }

# Another server on our address would answer in our place and be greeted as ours.
refuse_busy_port() {
  local host=${STAGEWATCH_LISTEN%:*} port=${STAGEWATCH_LISTEN##*:}
  if [ "$port" != 0 ] && (exec 3<>"/dev/tcp/${host//[\[\]]/}/$port") 2>/dev/null; then
    fail "something already listens on $STAGEWATCH_LISTEN: end it, or set STAGEWATCH_LISTEN to another address"
  fi
}

# A data folder that is gone afterwards. PostgreSQL may run as another user, who must get in.
make_data_folder() {
  local folder
  folder=$(mktemp -d "${TMPDIR:-/tmp}/stagewatch.XXXXXX")
  chmod 711 "$folder"
  printf '%s' "$folder"
}

# remove_data_folder FOLDER: with its PostgreSQL, should that have outlived the server, and with the
# cluster of a folder that PostgreSQL's user could not enter.
remove_data_folder() {
  local folder=$1 home=$1/postgres pid
  if [ -e "$folder/postgres-place" ]; then home=$(cat "$folder/postgres-place"); fi
  pid=$(head -n 1 "$home/data/postmaster.pid" 2>/dev/null) || pid=
  if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$home/data")" ]; then
    kill -QUIT "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  case $home in /var/lib/stagewatch/?*) rm -rf "$home" ;; esac
  rm -rf "$folder"
}

# Starts govmomi's simulator beside this process, which is to become the server: each ends with the
# other. Sets the VSPHERE_ variables.
start_vcsim() {
  local folder password server=$$ waited=0
  folder=$(mktemp -d)
  password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  (
    trap '' INT HUP
    (
      # In a session of its own: Ctrl-C is for the server, which still needs its vCenter to stop well.
      setsid "$TOOLS/vcsim" -listen "${VCSIM_LISTEN:-127.0.0.1:0}" -tls-dir "$folder/tls" \
        -username administrator@vsphere.local -password "$password" \
        -task-delay "${VCSIM_TASK_DELAY:-2s}" -address-delay "${VCSIM_ADDRESS_DELAY:-2s}" \
        >"$folder/ready" 2>"$folder/log" </dev/null &
      vcsim=$!
      disown
      while kill -0 "$server" 2>/dev/null && kill -0 "$vcsim" 2>/dev/null; do sleep 0.2; done
      kill "$vcsim" 2>/dev/null || true
      if kill -TERM "$server" 2>/dev/null; then say "the vCenter simulator has ended: $(tail -n 1 "$folder/log")"; fi
      rm -rf "$folder"
    ) &
  )
  until grep -q '}' "$folder/ready" 2>/dev/null; do
    if [ ! -d "$folder" ] || [ "$waited" -ge $((VCSIM_SECONDS * 10)) ]; then
      fail "the vCenter simulator did not start"
    fi
    waited=$((waited + 1))
    sleep 0.1
  done
  VSPHERE_URL=$(json_field url <"$folder/ready")
  VSPHERE_CA_FILE=$(json_field caFile <"$folder/ready")
  VSPHERE_USERNAME=$(json_field username <"$folder/ready")
  export VSPHERE_URL VSPHERE_CA_FILE VSPHERE_USERNAME VSPHERE_PASSWORD=$password
}

# json_field NAME...: a field of the JSON on standard input, `links events` for one inside another.
json_field() {
  node -e '
    const value = process.argv.slice(1).reduce((v, name) => v?.[name], JSON.parse(require("fs").readFileSync(0, "utf8")));
    if (value !== undefined && value !== null) process.stdout.write(String(value));
  ' "$@"
}

api() { curl -sS --max-time 10 "$(base_url)$1" "${@:2}"; }

# Leaves a helper that says how to go on, once the server answers; the server's lines may be between.
greet() {
  local mode=$1 server=$$
  case $STAGEWATCH_LISTEN in *:0) return ;; esac
  (
    trap '' HUP
    (
      waited=0
      until api /readyz -f -o /dev/null 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || exit 0
        if [ "$waited" -gt 0 ] && [ $((waited % 25)) -eq 0 ]; then say "  waiting for the server: $((waited / 5)) s"; fi
        [ "$waited" -lt $((READY_SECONDS * 5)) ] || { say "the server has not become ready in $READY_SECONDS s"; exit 0; }
        waited=$((waited + 1))
        sleep 0.2
      done
      if [ "$mode" = demo ]; then ask_for_the_demonstration "$server"; fi
      say_how_to_go_on
    ) &
  )
}

first_template() {
  api /api/templates | json_field items 0 name
}

say_how_to_go_on() {
  local url template
  url=$(base_url)
  template=$(first_template 2>/dev/null) || template=
  cat <<END

  Stagewatch is ready after $((SECONDS - STARTED)) s. Look at

      $url

  or ask for a VM and watch it being built, in another terminal:

      events=\$(curl -sS $url/api/requests -H 'Content-Type: application/json' \\
        -d '{"name":"web-'\$(date +%H%M%S)'","template":"${template:-ubuntu-24.04}","cpus":2,"memoryMib":4096}' |
        sed -n 's/.*"events": *"\([^"]*\)".*/\1/p')
      curl -N "$url\$events"

  The same as plain lines:

      curl -N "$url\$events?format=text"

END
}

# Name and template of the demonstration's VMs: all states but "needs attention", for which no template
# is made, are on the page within a minute. The first one is cancelled while it is being built.
DEMONSTRATION=(
  "trial-1 rocky-9" "web-1 ubuntu-24.04" "mail-1 demo-fails-configuring" "edge-1 demo-no-address"
  "cache-1 demo-slow-clone" "batch-1 demo-flaky" "db-1 debian-12" "win-1 windows-2022"
  "web-2 ubuntu-24.04" "batch-2 demo-flaky" "build-1 debian-12" "web-3 ubuntu-24.04"
)

# demonstration_bodies: a JSON body a line for what is asked for, each as large as its template needs,
# from the templates on standard input.
demonstration_bodies() {
  # shellcheck disable=SC2016 # the dollars are JavaScript's
  node -e '
    const { items } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    for (const entry of process.argv.slice(1)) {
      const [name, template] = entry.split(" ");
      const found = items.find((item) => item.name === template);
      if (!found) throw new Error(`there is no template ${template}`);
      console.log(JSON.stringify({ name, template, cpus: found.cpus, memoryMib: found.memoryMib }));
    }
  ' "${DEMONSTRATION[@]}"
}

# ask_for_the_demonstration SERVER: asks for all, a moment apart, so that they are in different stages, and
# then cancels the first one.
ask_for_the_demonstration() {
  local server=$1 bodies body answer status first=
  bodies=$(api /api/templates | demonstration_bodies)
  while read -r body; do
    kill -0 "$server" 2>/dev/null || return 0
    # The answer, and its status in a line after it.
    answer=$(api /api/requests -w '\n%{http_code}' -H 'Content-Type: application/json' -d "$body") || answer="no answer"
    status=${answer##*$'\n'}
    if [ "$status" = 201 ]; then say "  asked for $body"; else say "  asked for $body, in vain ($status)"; fi
    if [ "$status" = 201 ] && [ -z "$first" ]; then first=$(json_field id <<<"${answer%$'\n'*}"); fi
    sleep 0.3
  done <<<"$bodies"
  [ -n "$first" ] || return 0
  status=$(api "/api/requests/$first/cancel" -X POST -o /dev/null -w '%{http_code}') || status="no answer"
  if [ "$status" = 202 ]; then say "  cancelled the first one"; else say "  cancelled it in vain ($status)"; fi
}
