# The image holds one file, for others to take: COPY --from=boundary-init /sbin/boundary-init /sbin/
# `docker build -t boundary-init .`
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc linux-libc-dev make musl-tools
WORKDIR /src
COPY . .
RUN make

FROM scratch
COPY --from=build /src/build/out/boundary-init /sbin/boundary-init
ENTRYPOINT ["/sbin/boundary-init"]
