# A static binary in an empty image. `docker build -t migrate .`, then for example
#   docker run --rm -v "$PWD:/work" -e DATABASE_URL migrate check
# A rehearsal of PostgreSQL needs a server for its copy: name one by --shadow url:… or --scratch-url.
FROM rust:1.89-alpine AS build
# SQLite and the TLS of the client are compiled from C.
RUN apk add --no-cache build-base perl git
WORKDIR /src
COPY . .
RUN cargo build --release --locked && strip target/release/migrate

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/target/release/migrate /usr/local/bin/migrate
# A folder for temporary files: rehearsals on SQLite copy the database there.
COPY --from=build --chmod=1777 /var/empty /tmp
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/migrate"]
