//! A signature, prepared for filling and checking rows.

use std::collections::HashMap;

use contract::{Column, ColumnType, ModelManifest, Signature, TensorSpec};

use crate::{BadCell, Batch, Cells, LoadError, PredictError, Texts};

/// What a model's rows must look like.
#[derive(Debug)]
pub enum Schema {
    /// Named columns.
    Table(TableSchema),
    /// One array.
    Array(ArraySchema),
}

/// Named columns, in the order of the signature.
#[derive(Debug)]
pub struct TableSchema {
    /// The columns.
    pub columns: Vec<Column>,
    index: HashMap<String, usize>,
}

/// One array.
#[derive(Debug)]
pub struct ArraySchema {
    /// numpy's name of the element type.
    pub dtype: String,
    /// The length of each axis; `None` for any. The first is rows.
    pub axes: Vec<Option<usize>>,
    /// The type and rules of every element.
    pub element: Column,
}

impl Schema {
    /// Prepares a manifest's signature.
    ///
    /// # Errors
    /// When it cannot be served.
    pub fn of(manifest: &ModelManifest) -> Result<Self, LoadError> {
        if manifest.format != 1 {
            return Err(LoadError::BadManifest("only format 1 is known".to_owned()));
        }
        let prepared = match &manifest.signature {
            Signature::Columns { columns } => TableSchema::new(columns.clone()).map(Self::Table),
            Signature::Tensor { tensor } => ArraySchema::new(tensor).map(Self::Array),
        };
        prepared.map_err(LoadError::BadManifest)
    }

    /// Refuses rows that have not this schema's columns or axes. What values are is checked where they are appended.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), PredictError> {
        let fits = match (self, batch) {
            (Self::Table(schema), Batch::Table { rows, columns }) => {
                columns.len() == schema.columns.len() && columns.iter().all(|cells| cells.len() == *rows)
            }
            (Self::Array(schema), Batch::Array { shape, cells }) => {
                shape.len() == schema.axes.len() && shape.iter().product::<usize>() == cells.len()
            }
            _ => false,
        };
        let misfit = || PredictError::Failed("the rows are not of the model's schema".to_owned());
        fits.then_some(()).ok_or_else(misfit)
    }
}

impl TableSchema {
    fn new(columns: Vec<Column>) -> Result<Self, String> {
        let index: HashMap<_, _> = columns.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        if columns.is_empty() || index.len() != columns.len() {
            return Err("the signature's columns must be at least one and have different names".to_owned());
        }
        Ok(Self { columns, index })
    }

    /// The place of a column. Rows mostly name columns in the same order: `guess` is tried first.
    pub fn find(&self, name: &str, guess: usize) -> Option<usize> {
        match self.columns.get(guess) {
            Some(column) if column.name == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    /// An empty column for each of the signature's.
    pub fn empty(&self) -> Vec<Cells> {
        self.columns.iter().map(|column| cells(column.column_type)).collect()
    }

    /// Lets every column reach `rows`: those that need not be there get missing values, others are an error.
    pub fn fill(&self, columns: &mut [Cells], rows: usize) -> Result<(), BadCell> {
        for (column, cells) in self.columns.iter().zip(columns) {
            if cells.len() < rows && column.required {
                let row = cells.len();
                return Err(BadCell(format!("column {:?} is missing in row {row} (from 0)", column.name)));
            }
            while cells.len() < rows {
                cells.push_missing();
            }
        }
        Ok(())
    }
}

impl ArraySchema {
    fn new(tensor: &TensorSpec) -> Result<Self, String> {
        let element_type = match tensor.dtype.as_str() {
            "float32" => ColumnType::Float,
            "float16" | "float64" => ColumnType::Double,
            "int8" | "int16" | "int32" | "uint8" | "uint16" => ColumnType::Integer,
            "int64" | "uint32" | "uint64" => ColumnType::Long,
            "bool" => ColumnType::Boolean,
            "str" | "object" => ColumnType::String,
            other => return Err(format!("tensors of {other:?} are not served")),
        };
        let axes: Vec<_> = tensor.shape.iter().map(|&length| usize::try_from(length).ok()).collect();
        if axes.is_empty() {
            return Err("the tensor's shape must have an axis of rows".to_owned());
        }
        let element = Column { name: "inputs".to_owned(), column_type: element_type, required: true, nullable: false };
        Ok(Self { dtype: tensor.dtype.clone(), axes, element })
    }

    /// Room for its elements.
    pub fn empty(&self) -> Cells {
        cells(self.element.column_type)
    }
}

fn cells(column_type: ColumnType) -> Cells {
    match column_type {
        ColumnType::Boolean => Cells::Bool(Vec::new()),
        ColumnType::Integer | ColumnType::Long => Cells::Int(Vec::new()),
        ColumnType::Float | ColumnType::Double => Cells::Float(Vec::new()),
        ColumnType::String | ColumnType::Datetime => Cells::Text(Texts::default()),
    }
}
