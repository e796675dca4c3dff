"""Label Studio's addresses, and those of goldloop; runs inside Label Studio's own environment."""

from core.urls import *
from django.urls import path
from goldloop_label_studio_changes import Changes
from goldloop_label_studio_overlaps import Overlaps

urlpatterns = [
    path("api/goldloop/changes/", Changes.as_view(), name="goldloop-changes"),
    path("api/goldloop/overlaps/", Overlaps.as_view(), name="goldloop-overlaps"),
    *urlpatterns,
]
