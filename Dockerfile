# Shows the stores in data/artifacts, which are copied in or mounted there. It builds none, so what
# only a build needs is left out. See docs/hosting.md.
FROM python:3.11-slim
WORKDIR /lucidarium
COPY requirements.txt .
RUN grep -vE '^(torch|transformers|umap-learn|scikit-learn|captum|numba)==' requirements.txt > shown.txt \
    && pip install --no-cache-dir --disable-pip-version-check -r shown.txt
COPY app app
COPY core core
COPY data data
RUN useradd --create-home --uid 1000 reader && mkdir -p data/artifacts && chown reader data/artifacts
USER reader
ENV LUCIDARIUM_ADDRESS=0.0.0.0 LUCIDARIUM_PORT=7860
EXPOSE 7860
HEALTHCHECK CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://localhost:' + os.environ['LUCIDARIUM_PORT'] + '/_stcore/health')"]
CMD ["python", "-m", "app", "--no-browser"]
