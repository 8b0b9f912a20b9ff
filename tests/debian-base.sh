#!/bin/sh
# Makes the base image that the tests' Dockerfiles build on, from this machine's own package sources, when it is neither
# here nor to be pulled. Usage: tests/debian-base.sh [IMAGE], with DOCKER_HOST for another engine than the default one.
set -eu
image=${1:-debian:bookworm-slim}

docker image inspect "$image" >/dev/null 2>&1 && exit 0
timeout 60 docker pull "$image" >/dev/null 2>&1 && exit 0

if ! command -v mmdebstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap >/dev/null
fi
# Only one of several tests that want it has to make it.
exec 9>"${TMPDIR:-/tmp}/clusterdock-debian-base.lock"
flock 9
docker image inspect "$image" >/dev/null 2>&1 && exit 0
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm - "$mirror" |
  docker import --change 'CMD ["bash"]' - "$image" >/dev/null
