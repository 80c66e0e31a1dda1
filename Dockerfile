# Three targets: `wugan` (the default), the service in an image that holds
# nothing else; `migrate`, the goose command with the migrations; and `build`.
#
# The images are assembled from the directory /out of the stage `build`. A
# builder that has the binaries already, or no network, gives that directory
# from outside: `--build-context build=DIR` with DIR/out/….

# Behind a slow network: --build-arg GOPROXY=… and GOSUMDB=… as `go help
# environment` describes them, and GO_IMAGE=… for the base image from elsewhere.
# There is no npm in here: the pages that the service shows are in the repository.

# Images are named by digest, as the actions of the workflow are: a tag may be
# moved. This one is Go 1.26.8, an index for all architectures.
ARG GO_IMAGE=golang:1.26-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d
FROM ${GO_IMAGE} AS build
# Go reads both from the environment, in which an ARG that was not given is not.
ARG GOPROXY
ARG GOSUMDB
WORKDIR /src
# Modules first: their layer stays as long as go.sum does.
COPY go.mod go.sum ./
COPY auth/verify/go.mod auth/verify/go.sum ./auth/verify/
RUN go mod download
COPY . .
ARG VERSION=dev
RUN scripts/image-root /out "$VERSION"

FROM scratch AS migrate
COPY --from=build /out/etc/ /etc/
COPY --from=build /out/goose /goose
COPY migrations/*.sql /migrations/
ENV GOOSE_DRIVER=postgres GOOSE_MIGRATION_DIR=/migrations
USER 65532:65532
# GOOSE_DBSTRING is the database's address.
ENTRYPOINT ["/goose"]
CMD ["up"]

FROM scratch AS wugan
COPY --from=build /out/etc/ /etc/
COPY --from=build /out/wugan /wugan
# A number, not a name: Kubernetes' runAsNonRoot can see that it is not root's.
USER 65532:65532
EXPOSE 8080 9090
# The service itself asks: there is no shell and no curl in here. Kubernetes
# ignores this line and asks /readyz and /healthz by HTTP.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/wugan", "healthcheck"]
ENTRYPOINT ["/wugan"]
CMD ["serve"]
