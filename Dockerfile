# Three images, all without root: `worker` runs the flows, `mlflow` is MLflow's server with its drivers, and
# `prefect` is Prefect's server with a folder of its own.

FROM ghcr.io/mlflow/mlflow:v3.17.2 AS mlflow
# the plain image has neither a Postgres driver nor S3
RUN pip install --no-cache-dir "psycopg[binary]>=3.2,<4" "boto3>=1.35,<2" \
    && useradd --uid 10001 --create-home mlflow
USER mlflow
WORKDIR /home/mlflow
CMD ["mlflow", "server", "--host", "0.0.0.0"]

FROM prefecthq/prefect:3.9.1-python3.11 AS prefect
RUN useradd --uid 10001 --create-home prefect && install -d -o prefect -g prefect /var/lib/prefect
USER prefect
ENV PREFECT_HOME=/var/lib/prefect
CMD ["prefect", "server", "start", "--host", "0.0.0.0"]

FROM python:3.11.14-slim-bookworm AS worker
# cpu, or a CUDA version such as cu130: docker compose build --build-arg TORCH_BACKEND=cu130 worker
ARG TORCH_BACKEND=cpu
# the servers' own versions, so that clients and servers agree
ARG PREFECT_VERSION=3.9.1
ARG MLFLOW_VERSION=3.17.2
ENV PYTHONUNBUFFERED=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_TORCH_BACKEND=${TORCH_BACKEND}
RUN pip install --no-cache-dir "uv>=0.9,<1" \
    && useradd --uid 10001 --create-home goldloop \
    && install -d -o goldloop -g goldloop /app /workspace /backups
WORKDIR /app
# the dependencies first: they change less often than the code
COPY pyproject.toml ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --system -r pyproject.toml --extra s3 "prefect==${PREFECT_VERSION}" "mlflow==${MLFLOW_VERSION}"
COPY . .
RUN uv pip install --system --no-deps --editable .
USER goldloop
ENV GOLDLOOP_HOME=/app GOLDLOOP_WORKSPACE=/workspace
CMD ["prefect", "worker", "start", "--pool", "goldloop", "--type", "process", "--with-healthcheck"]
