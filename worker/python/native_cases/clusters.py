"""Clusterers."""

from sklearn.cluster import AffinityPropagation, Birch, BisectingKMeans, KMeans, MeanShift, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import behind_encoders

CASES = {
    "k_means": (lambda: KMeans(5, random_state=0), "frame", "binary"),
    "k_means_array": (lambda: KMeans(5, random_state=0), "array", "binary"),
    "k_means_columns": (lambda: behind_encoders(KMeans(5, random_state=0)), "mixed", "binary"),
    "k_means_step": (lambda: make_pipeline(StandardScaler(), KMeans(5), LogisticRegression()), "frame", "labels"),
    "mini_batch": (lambda: MiniBatchKMeans(5, random_state=0), "array", "binary"),
    "bisecting": (lambda: BisectingKMeans(7, random_state=0), "array", "binary"),
    "bisecting_largest": (lambda: BisectingKMeans(6, bisecting_strategy="largest_cluster"), "frame", "binary"),
    "mean_shift": (lambda: MeanShift(bandwidth=200), "frame", "binary"),
    "affinity": (lambda: make_pipeline(StandardScaler(), AffinityPropagation(random_state=0)), "array", "binary"),
    "birch": (lambda: make_pipeline(StandardScaler(), Birch(n_clusters=4)), "frame", "binary"),
    "birch_subclusters": (lambda: make_pipeline(StandardScaler(), Birch(n_clusters=None)), "array", "binary"),
    "centroid": (NearestCentroid, "frame", "binary"),
    "centroid_three": (NearestCentroid, "array", "labels"),
    "centroid_priors": (lambda: NearestCentroid(priors="empirical"), "array", "labels"),
    "centroid_manhattan": (lambda: NearestCentroid(metric="manhattan"), "frame", "labels"),
    "centroid_shrunken": (lambda: NearestCentroid(shrink_threshold=0.2), "frame", "labels"),
}
