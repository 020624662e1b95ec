//! A signature, prepared for decoding.

use std::collections::HashMap;

use contract::{Column, ColumnType, Signature, TensorSpec};

use crate::batch::{Cells, Texts};

/// What a model's rows must look like.
#[derive(Debug)]
pub(crate) enum Schema {
    Table(TableSchema),
    Array(ArraySchema),
}

#[derive(Debug)]
pub(crate) struct TableSchema {
    pub(crate) columns: Vec<Column>,
    index: HashMap<String, usize>,
}

#[derive(Debug)]
pub(crate) struct ArraySchema {
    /// numpy's name of the element type.
    pub(crate) dtype: String,
    /// The length of each axis; `None` for any. The first is rows.
    pub(crate) axes: Vec<Option<usize>>,
    /// The type and rules of every element.
    pub(crate) element: Column,
}

impl Schema {
    /// Prepares a signature, or says why it cannot be served.
    pub(crate) fn new(signature: &Signature) -> Result<Self, String> {
        match signature {
            Signature::Columns { columns } => TableSchema::new(columns.clone()).map(Self::Table),
            Signature::Tensor { tensor } => ArraySchema::new(tensor).map(Self::Array),
        }
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
    pub(crate) fn find(&self, name: &str, guess: usize) -> Option<usize> {
        match self.columns.get(guess) {
            Some(column) if column.name == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    /// An empty column for each of the signature's.
    pub(crate) fn empty(&self) -> Vec<Cells> {
        self.columns.iter().map(|column| cells(column.column_type)).collect()
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

    pub(crate) fn empty(&self) -> Cells {
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
