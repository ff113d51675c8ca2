"""Rotationally invariant variational autoencoders for 4D-STEM in linked Jupyter dashboards.

The public names load on first use, so that ``import stemwidgets`` is instant.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from stemwidgets.folders import make_do
from stemwidgets.version import __version__

# torch's threads wait busily otherwise: beside another program that takes a core, a training took
# ten times as long; read when torch is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
make_do()

if TYPE_CHECKING:
    from stemwidgets import samples as samples
    from stemwidgets.arrays.axes import Axes as Axes
    from stemwidgets.arrays.axes import Axis as Axis
    from stemwidgets.arrays.calibration.descan import Descan as Descan
    from stemwidgets.arrays.detectors import AnnularDetector as AnnularDetector
    from stemwidgets.arrays.detectors import DiscDetector as DiscDetector
    from stemwidgets.arrays.detectors import PixelDetector as PixelDetector
    from stemwidgets.arrays.detectors import PolygonDetector as PolygonDetector
    from stemwidgets.arrays.detectors import SegmentDetector as SegmentDetector
    from stemwidgets.arrays.errors import InputError as InputError
    from stemwidgets.arrays.maps.circular import AngleComparison as AngleComparison
    from stemwidgets.arrays.memory import set_memory_limit as set_memory_limit
    from stemwidgets.arrays.scan_report.findings import Finding as Finding
    from stemwidgets.arrays.scan_report.report import ScanReport as ScanReport
    from stemwidgets.dashboards.explore import explore as explore
    from stemwidgets.dashboards.prepare import prepare as prepare
    from stemwidgets.dashboards.rrvae import rrvae_dashboard as rrvae_dashboard
    from stemwidgets.desk.session import Session as Session
    from stemwidgets.rrvae.common.records import Progress as Progress
    from stemwidgets.samples.camera import Camera as Camera
    from stemwidgets.samples.simulation import simulate as simulate
    from stemwidgets.signals.calibration.calibrate import calibrate as calibrate
    from stemwidgets.signals.calibration.record import Calibration as Calibration
    from stemwidgets.signals.calibration.vacuum import measure_descan as measure_descan
    from stemwidgets.signals.check import check as check
    from stemwidgets.signals.io.load import load as load
    from stemwidgets.signals.io.rechunk import rechunk as rechunk
    from stemwidgets.signals.maps.angle_colors import angle_colors as angle_colors
    from stemwidgets.signals.maps.center_of_mass import CenterOfMass as CenterOfMass
    from stemwidgets.signals.maps.center_of_mass import center_of_mass as center_of_mass
    from stemwidgets.signals.maps.clusters import Clusters as Clusters
    from stemwidgets.signals.maps.clusters import cluster as cluster
    from stemwidgets.signals.maps.compare import compare_angles as compare_angles
    from stemwidgets.signals.maps.crystal import find_anomalies as find_anomalies
    from stemwidgets.signals.maps.crystal import find_grain_boundary as find_grain_boundary
    from stemwidgets.signals.maps.crystal import measure_inversion as measure_inversion
    from stemwidgets.signals.maps.decomposition import Decomposition as Decomposition
    from stemwidgets.signals.maps.decomposition import nmf as nmf
    from stemwidgets.signals.maps.decomposition import pca as pca
    from stemwidgets.signals.maps.rrvae_maps import Maps as Maps
    from stemwidgets.signals.maps.virtual_image import virtual_image as virtual_image
    from stemwidgets.signals.preparation import Preparation as Preparation
    from stemwidgets.signals.rrvae import RRVAE as RRVAE
    from stemwidgets.views.angle_comparison import AngleComparisonView as AngleComparisonView
    from stemwidgets.views.calibration_panel import CalibrationPanel as CalibrationPanel
    from stemwidgets.views.decoder_view import DecoderView as DecoderView
    from stemwidgets.views.decomposition_panel import DecompositionPanel as DecompositionPanel
    from stemwidgets.views.export_panel import ExportPanel as ExportPanel
    from stemwidgets.views.latent_view import LatentView as LatentView
    from stemwidgets.views.loss_view import LossView as LossView
    from stemwidgets.views.manifold_view import ManifoldView as ManifoldView
    from stemwidgets.views.map_view import MapView as MapView
    from stemwidgets.views.pattern_view import PatternView as PatternView
    from stemwidgets.views.pictures.display import Display as Display
    from stemwidgets.views.preparation_panel import PreparationPanel as PreparationPanel
    from stemwidgets.views.profile_view import ProfileView as ProfileView
    from stemwidgets.views.readout_view import ReadoutView as ReadoutView
    from stemwidgets.views.scan_report import ScanReportView as ScanReportView
    from stemwidgets.views.seeds_panel import SeedsPanel as SeedsPanel
    from stemwidgets.views.train_panel import TrainPanel as TrainPanel


_HOMES = {
    "AngleComparison": "arrays.maps.circular",
    "AngleComparisonView": "views.angle_comparison",
    "AnnularDetector": "arrays.detectors",
    "Axes": "arrays.axes",
    "Axis": "arrays.axes",
    "Calibration": "signals.calibration.record",
    "CalibrationPanel": "views.calibration_panel",
    "Camera": "samples.camera",
    "CenterOfMass": "signals.maps.center_of_mass",
    "Clusters": "signals.maps.clusters",
    "DecoderView": "views.decoder_view",
    "Decomposition": "signals.maps.decomposition",
    "DecompositionPanel": "views.decomposition_panel",
    "Descan": "arrays.calibration.descan",
    "DiscDetector": "arrays.detectors",
    "Display": "views.pictures.display",
    "ExportPanel": "views.export_panel",
    "Finding": "arrays.scan_report.findings",
    "InputError": "arrays.errors",
    "LatentView": "views.latent_view",
    "LossView": "views.loss_view",
    "ManifoldView": "views.manifold_view",
    "Maps": "signals.maps.rrvae_maps",
    "PixelDetector": "arrays.detectors",
    "PatternView": "views.pattern_view",
    "PolygonDetector": "arrays.detectors",
    "Preparation": "signals.preparation",
    "PreparationPanel": "views.preparation_panel",
    "ProfileView": "views.profile_view",
    "Progress": "rrvae.common.records",
    "RRVAE": "signals.rrvae",
    "ReadoutView": "views.readout_view",
    "MapView": "views.map_view",
    "ScanReport": "arrays.scan_report.report",
    "ScanReportView": "views.scan_report",
    "SeedsPanel": "views.seeds_panel",
    "SegmentDetector": "arrays.detectors",
    "Session": "desk.session",
    "TrainPanel": "views.train_panel",
    "angle_colors": "signals.maps.angle_colors",
    "find_anomalies": "signals.maps.crystal",
    "calibrate": "signals.calibration.calibrate",
    "center_of_mass": "signals.maps.center_of_mass",
    "check": "signals.check",
    "cluster": "signals.maps.clusters",
    "compare_angles": "signals.maps.compare",
    "explore": "dashboards.explore",
    "measure_inversion": "signals.maps.crystal",
    "load": "signals.io.load",
    "measure_descan": "signals.calibration.vacuum",
    "nmf": "signals.maps.decomposition",
    "pca": "signals.maps.decomposition",
    "prepare": "dashboards.prepare",
    "rechunk": "signals.io.rechunk",
    "rrvae_dashboard": "dashboards.rrvae",
    "set_memory_limit": "arrays.memory",
    "simulate": "samples.simulation",
    "find_grain_boundary": "signals.maps.crystal",
    "virtual_image": "signals.maps.virtual_image",
}

__all__ = ["__version__", "samples", *_HOMES]  # noqa: PLE0604 (every key is a string)


def __getattr__(name: str) -> object:
    if name == "samples":
        return import_module("stemwidgets.samples")
    if name not in _HOMES:
        raise AttributeError(f"module 'stemwidgets' has no attribute {name!r}")
    value = getattr(import_module(f"stemwidgets.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
